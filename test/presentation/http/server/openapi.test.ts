import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeApp } from '../../../../src/presentation/http/server/app.ts';
import { openApiPath } from '../../../../src/presentation/http/server/openapi.ts';
import { TokenBucket } from '../../../../src/presentation/http/server/token-bucket.ts';
import { acpDeps } from '../../../helpers/acp-bench.ts';
import { DocumentSchemas, type OpenApiDocument } from '../../../helpers/openapi.ts';

/** The served document, which is generated from the mounted routes. */
const document = await (async () => {
  const rate = new TokenBucket(1, () => 0);
  const guard = { hosts: new Set(['localhost']), byAddress: false, token: async () => '', maxBodyBytes: 1 };
  const app = makeApp(acpDeps({}), { ...guard, rate, strangerRate: rate, open: new Set([openApiPath]) });
  const headers = { host: 'localhost' };
  const response = await app.request(`http://localhost${openApiPath}`, { headers });
  return (await response.json()) as OpenApiDocument;
})();
const documented = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({ path, method, operation })),
);

/** Every nested value, with its key. */
function* walk(value: unknown): Generator<readonly [string, unknown]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield [key, inner];
    yield* walk(inner);
  }
}

// test/clients/acp.clients.ts validates the document against the OpenAPI Initiative's own schema.
describe('the OpenAPI document', () => {
  it('names only schemas that it has, and each operation once', () => {
    const { schemas } = document.components;
    const references = [...walk(document)].flatMap(([key, value]) => (key === '$ref' ? [String(value)] : []));
    assert.ok(references.length > 50);
    for (const reference of references) {
      const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(reference) ?? [];
      assert.ok(Object.hasOwn(schemas, name), reference);
    }
    const protocol = ['Run', 'Message', 'MessagePart', 'Event', 'Session', 'Error', 'AgentManifest'];
    for (const name of [...protocol, 'AgentMessage', 'SessionEvent', 'JsonRpcMessage', 'Refusal']) {
      assert.ok(Object.hasOwn(schemas, name), name);
    }
    const ids = documented.map(({ operation }) => operation.operationId);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('has schemas that a validator takes, and that refuse', () => {
    const schemas = new DocumentSchemas(document);
    for (const name of Object.keys(document.components.schemas)) {
      const problem = schemas.problem({ $ref: `#/components/schemas/${name}` }, 5);
      assert.notEqual(problem, null, name);
    }
  });

  it('describes what varies in each path, and nothing else that is not asked for', () => {
    for (const { path, operation } of documented) {
      const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);
      const { parameters = [] } = operation;
      const ofPath = parameters.filter((one) => one.in === 'path');
      assert.deepEqual(ofPath.map(({ name }) => name).sort(), inPath.sort(), path);
      assert.ok(
        ofPath.every(({ required }) => required),
        path,
      );
    }
    const { parameters = [] } = document.paths['/acp/messages']?.get ?? {};
    assert.deepEqual(
      parameters.filter(({ required }) => required).map(({ name }) => name),
      ['session_id'],
    );
  });

  it('has the refusals of the guard everywhere, but for the token where none is needed', () => {
    for (const { path, method, operation } of documented) {
      const { responses, security } = operation;
      const isOpen = ['/health', '/sign-in'].includes(path);
      const isForBrowsers = /^\/(api\/(?!sign-in-links)|events$|assets\/|$)/.test(path);
      const wanted = isOpen ? [] : isForBrowsers ? [{ bearer: [] }, { browser: [] }] : undefined;
      assert.deepEqual(security, wanted, path);
      assert.equal('401' in responses, path !== '/health');
      assert.equal('413' in responses, method !== 'get');
      if (isForBrowsers && method !== 'get') assert.ok('415' in responses, path);
      for (const status of ['403', '429', '500', '503'])
        assert.ok(status in responses, `${status} of ${path}`);
    }
  });
});
