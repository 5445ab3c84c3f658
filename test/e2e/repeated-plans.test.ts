import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { type Heard, LineClient } from '../helpers/line-client.ts';
import { giveTimeTo } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

let maos: MaosFolder;
const clients: LineClient[] = [];
before(async () => {
  maos = await MaosFolder.make();
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  writeFileSync(join(maos.home, 'config.json'), JSON.stringify({ allowCommands: ['*'] }));
});
afterEach(async () => {
  for (const client of clients.splice(0)) await client.leave('SIGKILL');
});
after(() => maos.remove());

function serve(): LineClient {
  const client = new LineClient(maos);
  clients.push(client);
  return client;
}

const meta = {
  'io.modelcontextprotocol/protocolVersion': '2026-07-28',
  'io.modelcontextprotocol/clientCapabilities': {},
};

/** A team whose agent leaves a line in the file for every time it runs. */
function planOf(key: string, file: string) {
  const agents = [{ role: 'qa', task: 'Run.', command: ['/bin/sh', '-c', `echo ran >>${file}`] }];
  return { objective: `Once: ${key}.`, on_exit: 'keep', idempotency_key: key, agents };
}

function callOf(name: string, args: object) {
  return { _meta: meta, name, arguments: args };
}

function orchestrate(client: LineClient, plan: object): Promise<Heard> {
  return client.request('tools/call', callOf('orchestrate', plan));
}

function sessionOf({ result, error }: Heard): string {
  const { session_id } = (result?.structuredContent ?? {}) as { readonly session_id?: string };
  return session_id ?? assert.fail(JSON.stringify(error ?? result));
}

function textOf({ result }: Heard): string {
  return (result?.content as { readonly text: string }[] | undefined)?.[0]?.text ?? '';
}

interface Listed {
  readonly session_id: string;
  readonly objective: string;
}

/** The sessions with this key, and how often their agents have run. */
async function outcomeOf(key: string, file: string) {
  const { sessions } = await maos.json<{ sessions: readonly Listed[] }>('list', '--limit', '100');
  const ids = sessions.filter(({ objective }) => objective === `Once: ${key}.`).map((one) => one.session_id);
  for (const id of ids) assert.equal((await maos.run('wait', id, '--timeout', '60')).status, 0, id);
  return { ids, runs: readFileSync(join(maos.project, file), 'utf8').trim().split('\n').length };
}

describe('a plan with an idempotency key', () => {
  it('starts one team when servers and terminals are asked at once', async () => {
    const plan = planOf('race', 'race.txt');
    writeFileSync(join(maos.project, 'race.json'), JSON.stringify(plan));
    const asked = [serve(), serve(), serve()].map((server) => orchestrate(server, plan));
    const typed = [maos.run('run', 'race.json'), maos.run('run', 'race.json')];
    const ids = (await Promise.all(asked)).map(sessionOf);
    for (const { status, stdout, stderr } of await Promise.all(typed)) {
      assert.equal(status, 0, stderr);
      ids.push(/sess_\w+/.exec(`${stdout}${stderr}`)?.[0] ?? assert.fail(`${stdout}${stderr}`));
    }
    assert.equal(new Set(ids).size, 1, ids.join(' '));
    assert.deepEqual(await outcomeOf('race', 'race.txt'), { ids: [ids[0]], runs: 1 });
  });

  it('is answered with the state of its session, or with whose key it is', async () => {
    const server = serve();
    const gate = new Gate(maos.project, 'gate');
    const agents = [{ role: 'qa', task: 'Run.', command: ['/bin/sh', '-c', gate.wait] }];
    const plan = { objective: 'Words.', idempotency_key: 'words', agents };
    const id = sessionOf(await orchestrate(server, plan));
    const again = JSON.parse(textOf(await orchestrate(server, plan)));
    assert.match(again.summary, new RegExp(`^Session ${id} is running: 1 agent.*An earlier request`));
    assert.equal(again.next, `Call wait-session with session_id ${id}, again until settled is true.`);
    gate.openNow();
    await server.request('tools/call', callOf('wait-session', { session_id: id }));
    const later = JSON.parse(textOf(await orchestrate(server, plan)));
    assert.match(later.summary, new RegExp(`^Session ${id} has completed: 1 agent, 1 completed\\.`));
    assert.deepEqual(
      later.agents.map(({ state }: { readonly state: string }) => state),
      ['completed'],
    );
    const other = await orchestrate(server, { ...plan, strategy: 'sequential' });
    assert.equal(other.result?.isError, true);
    assert.match(
      textOf(other),
      new RegExp(`^INVALID_INPUT: idempotency_key "words" belongs to session ${id}`),
    );
  });

  it('runs once when its server is killed at any moment, and another one is asked', async () => {
    for (const [round, waitMs] of [0, 2, 5, 10, 20, 40, 80].entries()) {
      const [key, file] = [`kill ${round}`, `kill-${round}.txt`];
      const first = serve();
      await first.request('server/discover', { _meta: meta });
      void first.send({ id: 'lost', method: 'tools/call', params: callOf('orchestrate', planOf(key, file)) });
      await giveTimeTo('the server, which is killed at another moment in each round', waitMs);
      await first.leave('SIGKILL');
      const second = serve();
      const id = sessionOf(await orchestrate(second, planOf(key, file)));
      assert.deepEqual(await outcomeOf(key, file), { ids: [id], runs: 1 }, `killed after ${waitMs} ms`);
    }
  });
});

describe('a call that Claude Code sends again', () => {
  it('starts one team, also at another server, because the name it gives its call is stored', async () => {
    const { idempotency_key: _, ...plan } = planOf('named', 'named.txt');
    const params = callOf('orchestrate', plan);
    const _meta = { ...meta, 'claudecode/toolUseId': 'toolu_01A2B3C4D5E6F7G8H9J0KLMN' };
    const first = serve();
    const id = sessionOf(await first.request('tools/call', { ...params, _meta }));
    await first.leave('SIGKILL');
    assert.equal(sessionOf(await serve().request('tools/call', { ...params, _meta })), id);
    assert.deepEqual(await outcomeOf('named', 'named.txt'), { ids: [id], runs: 1 });
    const other = { ..._meta, 'claudecode/toolUseId': 'toolu_01NNNNNNNNNNNNNNNNNNNNNN' };
    assert.notEqual(sessionOf(await serve().request('tools/call', { ...params, _meta: other })), id);
  });
});

describe('maos run', () => {
  it('shows the first session again, with its result as exit status, in people’s and programs’ form', async () => {
    const words = ['run', '--exec', 'a=echo ran >>typed.txt; exit 3', '--idempotency-key', 'typed'];
    const first = await maos.run(...words);
    const again = await maos.run(...words);
    const json = await maos.run(...words, '--json');
    assert.deepEqual([first.status, again.status, json.status], [1, 1, 1]);
    const [id] = /sess_\w+/.exec(`${first.stdout}${first.stderr}`) ?? [];
    assert.match(
      again.stderr,
      new RegExp(`Note: An earlier request .* session ${id}; nothing new was started`),
    );
    assert.equal(JSON.parse(json.stdout.trimEnd().split('\n').at(-1) ?? '').session_id, id);
    assert.equal(readFileSync(join(maos.project, 'typed.txt'), 'utf8'), 'ran\n');
    const detached = await maos.run(...words, '--max-concurrency', '2');
    assert.equal(detached.status, 2);
    assert.match(detached.stderr, /belongs to session/);
  });
});
