import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import {
  bundle,
  isThere,
  jsonLines,
  lineFrom,
  MaosFolder,
  type Running,
} from '../presentation/cli/maos-process.ts';

interface SessionView {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly { readonly agent_id: string; readonly name: string; readonly state: string }[];
}

/** Prints its own pid and that of a child, then sleeps longer than any test. */
const sleeper = 'sleep 300 & echo "pids $$ $!"; wait';

async function pidsFrom(maos: MaosFolder, session: string, agents: number): Promise<readonly number[]> {
  for (;;) {
    const { stdout } = await maos.run('logs', session);
    const pids = [...stdout.matchAll(/pids (\d+) (\d+)/g)].flatMap(([, a, b]) => [Number(a), Number(b)]);
    if (pids.length === 2 * agents) return pids;
  }
}

async function cleanUp(maos: MaosFolder, session: string): Promise<void> {
  const { status, stderr } = await maos.run('cancel', session);
  assert.ok(status === 0 || status === 4, stderr);
}

describe('sessions, seen from another process', () => {
  let maos: MaosFolder;
  let first: SessionView;
  let second: SessionView;
  before(async () => {
    maos = await MaosFolder.make();
    await maos.run(
      'run',
      'The first.',
      '-x',
      'one=echo out; echo err >&2',
      '-x',
      'two=printf "a\\nb\\nc"; exit 2',
    );
    await maos.run('run', 'The second.', '-x', 'only=echo done');
    first = await maos.json<SessionView>(
      'status',
      (await maos.json<{ sessions: SessionView[] }>('list')).sessions[1]?.session_id as string,
    );
    second = await maos.json<SessionView>('status');
  });
  after(() => maos.remove());

  it('are listed newest first, by state and number', async () => {
    const list = (...args: string[]) => maos.json<{ sessions: SessionView[] }>('list', ...args);
    const ids = async (...args: string[]) =>
      (await list(...args)).sessions.map(({ session_id }) => session_id);
    assert.deepEqual(await ids(), [second.session_id, first.session_id]);
    assert.deepEqual(await ids('--state', 'failed'), [first.session_id]);
    assert.deepEqual(await ids('--limit', '1'), [second.session_id]);
    assert.deepEqual(await ids('--state', 'running'), []);
    const some = await maos.run('list', '--limit', '1');
    assert.equal(some.stderr, '… 1 more: --limit 2 shows all.\n');
    assert.equal((await maos.json('list', '--limit', '1')).more, 1);
    assert.equal((await maos.run('list', '--limit', '1', '--state', 'failed')).stderr, '');
    const { stdout } = await maos.run('list');
    assert.match(stdout, /^SESSION +STATE +DONE +CREATED +OBJECTIVE\n/);
    assert.match(stdout, /✗ failed +1\/2 +just now +The first\./);
  });

  it('are found by id, by the start and end of it, and as latest', async () => {
    const id = first.session_id;
    for (const reference of [
      id,
      id.slice(0, 30),
      id.slice(5, 30),
      id.slice(-8),
      id.slice(-8).toLowerCase(),
    ]) {
      assert.equal((await maos.json<SessionView>('status', reference)).session_id, id, reference);
    }
    assert.equal((await maos.json<SessionView>('status', 'latest')).session_id, second.session_id);
  });

  it('are found from another folder by their whole ids, and listed with --all', async () => {
    const elsewhere = join(maos.project, 'elsewhere');
    await mkdir(elsewhere);
    const at = (...args: string[]) => maos.start([...args, '--json'], { cwd: elsewhere }).finished;
    const { session_id: id } = second;
    assert.equal(JSON.parse((await at('status', id)).stdout).session_id, id);
    assert.equal((await at('status', 'latest')).status, 3);
    assert.deepEqual(JSON.parse((await at('list')).stdout), { sessions: [], not_read: [] });
    const { sessions } = JSON.parse((await at('list', '--all')).stdout);
    assert.equal(sessions.length, 2);
    assert.equal(sessions[0].project, maos.project);
  });

  it('are not found with 3, and ambiguous parts are named', async () => {
    for (const args of [
      ['status', 'zzzz'],
      ['wait', 'zzzz'],
      ['events', 'zzzz'],
      ['logs', 'zzzz'],
      ['cancel', 'zzzz'],
    ]) {
      const { status, stderr, stdout } = await maos.run(...args);
      assert.match(stderr, /There is no (session|session or agent|agent) "/);
      assert.deepEqual([status, stdout], [3, ''], args.join(' '));
    }
    const { status, stderr } = await maos.run('status', 'sess_0');
    assert.equal(status, 3);
    assert.ok(stderr.includes(first.session_id) && stderr.includes(second.session_id), stderr);
    assert.equal((await maos.run('status', 'not/an/id')).status, 2);
    assert.equal((await maos.run('logs', 'agent_nobody_1_aaaaaa')).status, 3);
  });

  it('show logs, each line with the name of its agent', async () => {
    const all = (await maos.run('logs', first.session_id)).stdout.split('\n');
    assert.deepEqual(all.toSorted(), ['', 'one | err', 'one | out', 'two | a', 'two | b', 'two | c']);
    assert.equal((await maos.run('logs', first.session_id, 'two', '--tail', '2')).stdout, 'b\nc\n');
    assert.equal((await maos.run('logs', first.session_id, 'two', '--tail', '0')).stdout, '');
    assert.equal((await maos.run('logs', first.session_id, '--stream', 'stderr')).stdout, 'one | err\n');
    const [one] = first.agents;
    const own = (await maos.run('logs', one?.agent_id.slice(-6) as string)).stdout;
    assert.deepEqual(own.split('\n').toSorted(), ['', 'err', 'out']);
    assert.equal((await maos.run('logs', first.session_id, 'three')).status, 3);
    const lines = jsonLines((await maos.run('logs', first.session_id, 'two', '--json')).stdout);
    assert.deepEqual(
      lines.map(({ name, stream, line }) => [name, stream, line]),
      [
        ['two', 'stdout', 'a'],
        ['two', 'stdout', 'b'],
        ['two', 'stdout', 'c'],
      ],
    );
  });

  it('show their events, all or some', async () => {
    const all = jsonLines((await maos.run('events', first.session_id, '--json')).stdout);
    assert.equal(all[0]?.type, 'session.created');
    assert.equal(all.at(-1)?.type, 'session.failed');
    const after = jsonLines((await maos.run('events', first.session_id, '--json', '--after', '3')).stdout);
    assert.deepEqual(after, all.slice(3));
    const { stdout } = await maos.run(
      'events',
      first.session_id,
      '--type',
      'agent.failed',
      '--type',
      'session',
    );
    assert.match(stdout, /agent\.failed +two: failed after .*exit_code/);
    assert.doesNotMatch(stdout, /agent\.completed/);
    const odd = await maos.run('events', first.session_id, '--type', 'agent.burnt');
    assert.equal(odd.status, 2);
    assert.match(odd.stderr, /Groups: session, phase/);
  });

  it('that ended cannot be cancelled, but are waited for at once', async () => {
    const { status, stderr } = await maos.run('cancel', first.session_id);
    assert.match(stderr, /it has failed\.\n/);
    assert.equal(status, 4);
    assert.equal((await maos.run('wait', first.session_id)).status, 1);
    assert.equal((await maos.run('wait', second.session_id)).status, 0);
  });

  it('end quietly when nobody reads on', async () => {
    const { status } = await maos.run('run', '-x', 'much=seq 1 200000');
    assert.equal(status, 0);
    for (const words of ['logs latest', 'list', 'events --json']) {
      const line = `{ "$0" "$1" ${words}; echo "status $?" >&2; } | head -1`;
      const ended = spawnSync('sh', ['-c', line, process.execPath, bundle], {
        cwd: maos.project,
        env: maos.env,
        encoding: 'utf8',
      });
      assert.equal(ended.stderr, 'status 0\n', words);
      assert.equal(ended.stdout.split('\n').length, 2, words);
    }
  });
});

describe('a session that runs', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  async function runs(...args: string[]): Promise<Running & { readonly session: string }> {
    const running = maos.start(['run', '--json', ...args]);
    const line = await lineFrom(running.process.stdout as NodeJS.ReadableStream, /"session\.created".*\}$/);
    return { ...running, session: (JSON.parse(line) as { session_id: string }).session_id };
  }

  it('is cancelled from another process, and nothing of it is left', async () => {
    const { session, finished } = await runs('-x', `a=${sleeper}`, '-x', `b=${sleeper}`, '-s', 'parallel');
    const pids = await pidsFrom(maos, session, 2);
    assert.ok(pids.every(isThere), 'the agents run');
    const { status, stdout, stderr } = await maos.run('cancel', session.slice(-10), '--reason', 'enough');
    assert.equal(stderr, '');
    assert.match(stdout, /cancelled: 2 running agents stopped, 0 of 2 had completed, 0 processes left\./);
    assert.equal(status, 0);
    assert.deepEqual(pids.filter(isThere), []);
    const run = await finished;
    assert.equal(run.status, 1);
    assert.equal(jsonLines(run.stdout).at(-1)?.state, 'cancelled');
    const events = jsonLines((await maos.run('events', session, '--json')).stdout);
    const asked = events.find(({ type }) => type === 'session.requested');
    assert.deepEqual(asked?.data, { action: 'cancel', agent: null, by: 'terminal', reason: 'enough' });
    const again = await maos.run('cancel', session);
    assert.match(again.stdout, /was already cancelled/);
    assert.equal(again.status, 0);
  });

  it('goes on when its maos exits, and no command says that it died, even before another one adopts it', async () => {
    // The background process starts by the path that this one was started by, and finds nothing there.
    const launcher = join(maos.project, 'maos.js');
    await symlink(bundle, launcher);
    const run = maos.start(['run', '--json', '--on-exit', 'keep', '-x', `a=${sleeper}`], { launcher });
    const line = await lineFrom(run.process.stdout as NodeJS.ReadableStream, /"session\.created".*\}$/);
    const session = (JSON.parse(line) as { session_id: string }).session_id;
    const pids = await pidsFrom(maos, session, 1);
    await rm(launcher);
    run.process.kill('SIGINT');
    assert.equal((await run.finished).status, 130);
    for (const command of [['status', session], ['list'], ['ps']]) {
      const { status, stdout, stderr } = await maos.run(...command);
      assert.equal(status, 0, stderr);
      assert.doesNotMatch(stdout + stderr, /died/, command.join(' '));
    }
    assert.ok(pids.every(isThere), 'the agent goes on');
    await cleanUp(maos, session);
    assert.deepEqual(pids.filter(isThere), []);
  });

  it('is cancelled though its maos was killed; who waits for it is told', async () => {
    const { session, process: run, finished } = await runs('-x', `a=${sleeper}`);
    const pids = await pidsFrom(maos, session, 1);
    run.kill('SIGKILL');
    await finished;
    const waited = await maos.run('wait', session, '--timeout', '4');
    assert.equal(waited.status, 5);
    assert.match(
      waited.stderr,
      /The maos process running sess_\w{26} has died\. Started a new one to continue\./,
    );
    assert.ok(pids.every(isThere), 'the agent goes on');
    const { status, stdout } = await maos.run('cancel', session);
    assert.match(stdout, /cancelled: 1 running agent stopped, .* 0 processes left\./);
    assert.equal(status, 0);
    assert.deepEqual(pids.filter(isThere), []);
  });

  it('is waited for and followed from other processes', async () => {
    const gate = new Gate(maos.project, 'talks');
    const { session, finished } = await runs('-x', `talker=echo one; ${gate.wait}; echo two`);
    const early = await maos.run('wait', session, '--timeout', '0.05');
    assert.equal(early.status, 5);
    assert.match(early.stderr, /Still running after 0\.05 s/);
    gate.openNow();
    const [waited, logs, events] = await Promise.all([
      maos.run('wait', session, '--timeout', '60'),
      maos.run('logs', '-f', session),
      maos.run('events', '-f', session, '--json'),
    ]);
    assert.deepEqual([waited.status, waited.stdout], [0, `${session} completed\n`]);
    assert.equal(logs.stdout, 'one\ntwo\n');
    const followed = jsonLines(events.stdout);
    assert.equal(followed.at(-1)?.type, 'session.completed');
    assert.deepEqual(
      followed.map(({ seq }) => seq),
      followed.map((_, index) => index + 1),
    );
    assert.equal((await finished).status, 0);
  });

  it('goes on without its terminal with --detach', async () => {
    const { status, stdout, stderr } = await maos.run(
      'run',
      '--detach',
      '-x',
      'later=sleep 0.5; echo made it',
    );
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /^sess_\w{26}\n$/);
    // Until another process has it, it must not look as if its own had died.
    const db = new DatabaseSync(maos.database, { readOnly: true });
    const row = db.prepare('SELECT owner_id, owner_epoch FROM sessions WHERE id = ?').get(stdout.trim());
    db.close();
    assert.ok(row?.owner_id === null || Number(row?.owner_epoch) > 1, JSON.stringify(row));
    const waited = await maos.run('wait', stdout.trim(), '--timeout', '60');
    assert.equal(waited.status, 0, waited.stderr);
    assert.equal((await maos.run('logs', stdout.trim())).stdout, 'made it\n');
  });

  it('is handed over at Ctrl-C: 130 at once, and its agents are stopped', async () => {
    const { session, process: run, finished } = await runs('-x', `a=${sleeper}`);
    const pids = await pidsFrom(maos, session, 1);
    run.kill('SIGINT');
    const { status, stderr } = await finished;
    assert.equal(status, 130);
    assert.match(stderr, /Detaching from sess_\w{26}\. Its agents are being stopped/);
    const waited = await maos.run('wait', session, '--timeout', '60');
    const [, state] = waited.stdout.trim().split(' ');
    assert.equal(waited.status, state === 'paused' ? 7 : 1, waited.stdout);
    assert.deepEqual(pids.filter(isThere), []);
    await cleanUp(maos, session);
  });

  it('runs to its end after Ctrl-C with --on-exit keep', async () => {
    const {
      session,
      process: run,
      finished,
    } = await runs('--on-exit', 'keep', '-x', 'a=echo begun; sleep 1; echo ended');
    run.kill('SIGTERM');
    assert.equal((await finished).status, 130);
    const waited = await maos.run('wait', session, '--timeout', '60');
    assert.equal(waited.status, 0, waited.stdout);
    assert.equal((await maos.run('logs', session)).stdout, 'begun\nended\n');
  });
});
