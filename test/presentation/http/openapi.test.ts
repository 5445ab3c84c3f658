import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { acpRoutes } from '../../../src/presentation/http/acp/acp-routes.ts';
import { acpOperations } from '../../../src/presentation/http/acp/operations.ts';
import { errorSchema } from '../../../src/presentation/http/acp/schemas.ts';
import { openApiDocument, openApiPath, openApiRoute } from '../../../src/presentation/http/openapi.ts';
import { testAgents } from '../../helpers/acp-agents.ts';
import { acpDeps } from '../../helpers/acp-bench.ts';

type Json = Readonly<Record<string, unknown>>;

const document = openApiDocument('1.2.3', acpOperations, errorSchema);

/** Every value below, with its key. */
function* walk(value: unknown): Generator<readonly [string, unknown]> {
  if (typeof value !== 'object' || value === null) return;
  for (const [key, inner] of Object.entries(value)) {
    yield [key, inner];
    yield* walk(inner);
  }
}

describe('the OpenAPI document', () => {
  it('is served', async () => {
    const response = await openApiRoute(() => document).request(openApiPath);
    assert.deepEqual(await response.json(), JSON.parse(JSON.stringify(document)));
  });

  it('has every route of the protocol, and no other', () => {
    const routes = acpRoutes(acpDeps({}), testAgents()).routes;
    const served = new Set(
      routes
        .filter(({ method, path }) => method !== 'ALL' && path !== '/*')
        .map(({ method, path }) => `${method.toLowerCase()} /acp${path.replaceAll(/:[a-z]+/g, '{}')}`),
    );
    const described = Object.entries(document.paths as Record<string, Json>).flatMap(([path, methods]) =>
      Object.keys(methods).map((method) => `${method} ${path.replaceAll(/\{[a-z_]+\}/g, '{}')}`),
    );
    assert.deepEqual([...served].sort(), described.sort());
  });

  it('names only schemas that it has, and each operation once', () => {
    const { schemas } = document.components as { readonly schemas: Json };
    const references = [...walk(document)].flatMap(([key, value]) => (key === '$ref' ? [String(value)] : []));
    assert.ok(references.length > 50);
    for (const reference of references) {
      const [, name = ''] = /^#\/components\/schemas\/(\w+)$/.exec(reference) ?? [];
      assert.ok(Object.hasOwn(schemas, name), reference);
    }
    for (const name of ['Run', 'Message', 'MessagePart', 'Event', 'Session', 'Error', 'AgentManifest']) {
      assert.ok(Object.hasOwn(schemas, name), name);
    }
    const ids = acpOperations.map(({ id }) => id);
    assert.equal(new Set(ids).size, ids.length);
  });

  it('describes what varies in each path', () => {
    for (const { path, params = {} } of acpOperations) {
      const inPath = [...path.matchAll(/\{([a-z_]+)\}/g)].map(([, name]) => name);
      assert.deepEqual(Object.keys(params).sort(), inPath.sort(), path);
    }
  });
});
