import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { residentMb } from '../../bench/machine.ts';
import { DocumentClient } from '../helpers/http-calls.ts';
import { type FuzzRequest, requestsTo, type Target } from '../helpers/http-fuzz.ts';
import type { Json, OperationObject } from '../helpers/openapi.ts';
import { fc } from '../helpers/properties.ts';
import { eventsIn, exchange, isStream, type RawAnswer } from '../helpers/raw-http.ts';
import { seed } from '../helpers/seed.ts';
import { giveTimeTo } from '../helpers/waiting.ts';
import { goodCalls, type Known, quickClaude } from './http-good-calls.ts';
import { HttpProcess, maosFolder } from './http-process.ts';

/** `MAOS_FUZZ_REQUESTS=n` sets the length of a run. */
const requestsEach = Number(process.env.MAOS_FUZZ_REQUESTS ?? 60);

/** Far longer than any request takes unless it hangs; a lease may wait for 30 s. */
const limitMs = 60_000;

interface Bench {
  readonly port: number;
  readonly token: string;
  readonly client: DocumentClient;
  /** Number of responses for each `endpoint status`. */
  readonly counts: Map<string, number>;
}

describe(`garbage over HTTP (MAOS_SEED=${seed})`, () => {
  it('gets the answers that the document says, holds no memory, and good calls are answered after it', {
    timeout: 300_000,
  }, async (t) => {
    const folder = await maosFolder(t);
    const server = await HttpProcess.start(t, folder, {
      env: {
        MAOS_CLAUDE_PATH: quickClaude(`${folder.project}/bin/claude`),
        NODE_OPTIONS: '--max-old-space-size=96 --max-semi-space-size=1',
      },
    });
    let printed = '';
    server.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const token = (await folder.run('token')).stdout.trim();
    const client = await DocumentClient.of(`http://127.0.0.1:${server.port}`, token);
    const bench: Bench = { port: server.port, token, client, counts: new Map() };
    const standing = await goodCalls(client);
    const residents: number[] = [];
    for (const half of [0, 1]) {
      for (const target of targetsOf(bench, standing.known)) {
        const options = { seed: seed + half, numRuns: requestsEach };
        await fc.assert(
          fc.asyncProperty(requestsTo(target), (request) => check(bench, target, request)),
          options,
        );
      }
      residents.push(residentMb(server.child.pid as number));
    }
    for (const [key, count] of [...bench.counts].sort()) t.diagnostic(`${key}: ${count}`);
    t.diagnostic(`resident after each half: ${residents.map(Math.round).join(', ')} MB`);
    const [first, second] = residents as [number, number];
    assert.ok(second < first + 60, `resident: ${first} MB after one half, ${second} MB after the other`);

    await standing.leave();
    await (await goodCalls(client)).leave();
    assert.deepEqual(await server.end(), [0, null]);
    assert.equal(printed, '');
    assert.deepEqual(complaintsIn(join(folder.home, 'logs')), []);
    assert.match(server.stderr, /^MAOS is listening on .*\n$/);
  });
});

function complaintsIn(folder: string): readonly string[] {
  const lines = readdirSync(folder).flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'));
  return lines.filter((line) => /"level":"(error|warn)"/.test(line));
}

function* targetsOf({ client: { document }, port, token }: Bench, known: Known): Generator<Target> {
  for (const [path, methods] of Object.entries(document.paths)) {
    for (const [method, operation] of Object.entries(methods)) {
      yield {
        path,
        method,
        operation,
        document,
        headers: { Host: `127.0.0.1:${port}`, Authorization: `Bearer ${token}` },
        known: (name) => known[`${operation.operationId}.${name}`] ?? known[name],
      };
    }
  }
}

async function check(bench: Bench, target: Target, request: FuzzRequest): Promise<void> {
  const answer = await answered(bench, request);
  const { operation } = target;
  const key = `${operation.operationId} ${answer.status}`;
  bench.counts.set(key, (bench.counts.get(key) ?? 0) + 1);
  const problem = problemWith(bench, operation, request, answer);
  assert.equal(problem, null, `${problem}\n${answer.status} ${answer.body.toString().slice(0, 500)}`);
}

/** Retries while the server is at its limit of requests, which this test does not examine. */
async function answered({ port }: Bench, request: FuzzRequest): Promise<RawAnswer> {
  for (;;) {
    const answer = await exchange(port, request, limitMs);
    if (answer.status !== 429) return answer;
    const seconds = Number(answer.headers.get('retry-after'));
    await giveTimeTo('let the server take requests again, as it said', seconds * 1_000);
  }
}

function problemWith(
  bench: Bench,
  operation: OperationObject,
  { fault, method }: FuzzRequest,
  answer: RawAnswer,
): string | null {
  const { status, headers, body } = answer;
  if (status === 0) return fault.isBroken ? null : 'no answer';
  if (status >= 500 && status !== 503) return 'a defect';
  if (fault.isRefused && status < 400) return 'not refused';
  const isBare = body.length === 0;
  if (fault.isBroken && isBare && [400, 408, 417, 431].includes(status)) return null;
  if (fault.isElsewhere) return status < 400 ? null : refusalProblem(bench, body, method);
  const described = operation.responses[status];
  if (described === undefined) return 'a status that is not documented';
  if (method === 'HEAD') return null;
  const { content } = described;
  if (content === undefined) return isBare ? null : 'a body where none is documented';
  const type = headers.get('content-type')?.split(';')[0]?.toLowerCase() ?? '';
  const schema = content[type]?.schema;
  if (schema === undefined) return `a body of type ${type}, which is not documented`;
  return contentProblem(bench, schema, answer, type);
}

/** Of whatever it was that answered. */
function refusalProblem({ client: { schemas } }: Bench, body: Buffer, method: string): string | null {
  if (method === 'HEAD') return null;
  const value = JSON.parse(body.toString()) as unknown;
  const anyOf = ['Refusal', 'Error', 'JsonRpcError'].map((name) => ({
    $ref: `#/components/schemas/${name}`,
  }));
  return schemas.problem({ anyOf }, value);
}

function contentProblem(
  { client: { schemas } }: Bench,
  schema: Json,
  answer: RawAnswer,
  type: string,
): string | null {
  const text = answer.body.toString();
  if (!isStream(answer))
    return schemas.problem(schema, type === 'application/json' ? JSON.parse(text) : text);
  const problems = eventsIn(text).map(({ type, data }) =>
    schemas.problem(schema, type === 'endpoint' ? data : JSON.parse(data)),
  );
  return problems.find((problem) => problem !== null) ?? null;
}
