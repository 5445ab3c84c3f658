import assert from 'node:assert/strict';
import { mkdtempSync, realpathSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { SupervisedProject } from '../../../src/application/runtime.ts';
import type { HttpDeps } from '../../../src/presentation/http/server/deps.ts';
import { startHttp } from '../../../src/presentation/http/server/http-service.ts';
import { serverIdentity } from '../../../src/presentation/mcp/server/identity.ts';
import { DocumentClient } from '../../helpers/http-calls.ts';
import { openWorkbench, type Workbench } from '../mcp/workbench.ts';
import type { Place } from './event-client.ts';

/** A workbench with HTTP mode, and a client that validates every answer against the OpenAPI document. */
export interface HttpBench extends Workbench {
  readonly place: Place;
  readonly url: string;
  readonly http: DocumentClient;
  /** Another project of the same home, in its own folder; removed with the bench. */
  otherProject(): Promise<SupervisedProject>;
}

export async function openHttpBench(
  limits: NonNullable<HttpDeps['eventLimits']> = {},
  given?: Workbench,
): Promise<HttpBench> {
  const bench = given ?? (await openWorkbench());
  const ending = new AbortController();
  const token = 'right-token';
  const { runtime, root: projectPath } = bench;
  const identity = serverIdentity(runtime.version);
  const deps = { runtime, identity, projectPath, ending: ending.signal, eventLimits: limits };
  const service = await startHttp(deps, { host: '127.0.0.1', port: 0, token });
  const url = `http://127.0.0.1:${service.port}`;
  const folders: string[] = [];
  return {
    ...bench,
    place: { port: service.port, token },
    url,
    http: await DocumentClient.of(url, token),
    async otherProject() {
      const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-http-project-')));
      folders.push(folder);
      return runtime.openProject(folder);
    },
    async close() {
      ending.abort();
      await service.close(10_000);
      if (given === undefined) await bench.close();
      for (const folder of folders) rmSync(folder, { recursive: true, force: true });
      assert.deepEqual(bench.errors, []);
    },
  };
}

/** A bench that is closed after the test. */
export async function httpBench(
  t: TestContext,
  limits: NonNullable<HttpDeps['eventLimits']> = {},
): Promise<HttpBench> {
  const bench = await openHttpBench(limits);
  t.after(() => bench.close());
  return bench;
}
