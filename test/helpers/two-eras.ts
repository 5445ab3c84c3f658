/**
 * Requests of MCP 2025-11-25 and 2026-07-28 mixed on one pipe, with ids that both use at once, and cancellations of either
 * form that cross them.
 */
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MaosFolder } from '../presentation/cli/maos-process.ts';
import { Gate } from './gate.ts';
import { LineClient } from './line-client.ts';
import { randomOf } from './random.ts';
import { seed } from './seed.ts';

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

type Id = string | number;

/** Few, so that most are in use when they are used again; numbers and texts are different ids. */
const ids: readonly Id[] = Array.from({ length: 40 }, (_, index) =>
  index % 2 === 0 ? index : String(index - 1),
);

interface Kind {
  readonly method: string;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Not in this version. */
  readonly notIn?: 'old' | 'new';
}

function kindsOf(session: string): readonly Kind[] {
  const wait = { name: 'wait-session', arguments: { session_id: session, timeout_seconds: 280 } };
  return [
    { method: 'ping', notIn: 'new' },
    { method: 'server/discover', notIn: 'old' },
    { method: 'tools/list' },
    { method: 'prompts/list' },
    { method: 'prompts/get', params: { name: 'review', arguments: { target: 'main' } } },
    { method: 'prompts/get', params: { name: 'nothing' } },
    { method: 'resources/read', params: { uri: 'maos://sessions' } },
    { method: 'resources/read', params: { uri: 'maos://nothing' } },
    { method: 'tools/call', params: { name: 'list-sessions' } },
    { method: 'tools/call', params: { name: 'list-sessions', arguments: { limit: 'many' } } },
    { method: 'tools/call', params: { name: 'nothing' } },
    { method: 'no/method' },
    { method: 'tools/call', params: { ...wait, _meta: { progressToken: 'p' } } },
  ];
}

/**
 * Sends `count` messages, then lets the session end, and checks that every request that was not cancelled is answered once, in
 * its own version's form.
 * @param session one that runs until `release`
 */
async function mixEras(
  client: LineClient,
  { seed, count, session, release }: { seed: number; count: number; session: string; release: () => void },
): Promise<void> {
  const random = randomOf(seed);
  const pick = <T>(items: readonly T[]): T => items[random(items.length)] as T;
  const kinds = kindsOf(session);
  const asked = new Map<Id, { old: number; new: number; cancelled: number }>();
  const of = (id: Id) => {
    const known = asked.get(id) ?? { old: 0, new: 0, cancelled: 0 };
    asked.set(id, known);
    return known;
  };
  for (let sent = 0; sent < count; sent += 1) {
    const era = pick(['old', 'new'] as const);
    const id = pick(ids);
    const claim = era === 'new' ? { _meta: meta } : {};
    if (random(5) === 0) {
      of(id).cancelled += 1;
      await client.send({ method: 'notifications/cancelled', params: { requestId: id, ...claim } });
      continue;
    }
    const { method, params = {} } = pick(kinds.filter(({ notIn }) => notIn !== era));
    of(id)[era] += 1;
    const _meta = { ...(params._meta as object | undefined), ...claim._meta };
    await client.send({ id, method, params: { ...params, _meta } });
  }
  release();
  await client.until(() =>
    [...asked].every(
      ([id, due]) => (client.answers.get(id)?.length ?? 0) >= due.old + due.new - due.cancelled,
    ),
  );
  // Answered after everything above.
  await client.request('ping');
  for (const [id, due] of asked) {
    const answers = client.answers.get(id) ?? [];
    const where = `${JSON.stringify(id)}: ${JSON.stringify(due)}`;
    assert.ok(answers.length <= due.old + due.new, `${where}: ${answers.length} answers`);
    const results = answers.flatMap(({ result }) => (result === undefined ? [] : [result]));
    const fresh = results.filter(({ resultType }) => resultType !== undefined).length;
    assert.ok(
      fresh <= due.new && results.length - fresh <= due.old,
      `${where}: ${fresh} of ${results.length}`,
    );
  }
  const strangers = [...client.answers.keys()].filter(
    (id) => !asked.has(id as Id) && !/^client-/.test(String(id)),
  );
  assert.deepEqual(strangers, []);
  assert.deepEqual([client.noise, client.complaints, client.stderr], [[], [], '']);
}

/** Mixes so many messages on the pipe of a real server. */
export function describeTwoEras(count: number): void {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    mkdirSync(maos.home, { recursive: true, mode: 0o700 });
    writeFileSync(join(maos.home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
  });
  after(() => maos.remove());

  describe(`both eras on one pipe (MAOS_SEED=${seed})`, () => {
    it(`of ${count.toLocaleString('en')} messages with shared ids and crossing cancellations, each is answered as it must be`, async () => {
      const gate = new Gate(maos.project, 'gate');
      const client = new LineClient(maos);
      await client.initialize();
      const agents = [{ role: 'qa', task: 'Wait.', command: ['/bin/sh', '-c', gate.wait] }];
      const { result } = await client.request('tools/call', {
        name: 'orchestrate',
        arguments: { objective: 'Wait.', agents },
      });
      assert.ok(result !== undefined, 'no team');
      const { session_id: session } = result.structuredContent as { readonly session_id: string };
      await mixEras(client, { seed, count, session, release: () => gate.openNow() });
      assert.deepEqual(await client.leave(), [0, null]);
    });
  });
}
