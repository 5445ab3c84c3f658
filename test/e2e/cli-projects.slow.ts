import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle, type Finished, MaosFolder } from '../presentation/cli/maos-process.ts';

interface SessionView {
  readonly session_id: string;
  readonly state: string;
  readonly project: string;
  readonly agents: readonly { readonly agent_id: string }[];
}

class Place {
  readonly maos: MaosFolder;
  readonly path: string;

  constructor(maos: MaosFolder, path: string) {
    this.maos = maos;
    this.path = path;
  }

  run(...args: string[]): Promise<Finished> {
    return this.maos.start(args, { cwd: this.path }).finished;
  }

  async json<T = SessionView>(...args: string[]): Promise<T> {
    const { status, stdout, stderr } = await this.run(...args, '--json');
    assert.equal(status, 0, stderr);
    return JSON.parse(stdout) as T;
  }

  /** Ids of the listed sessions. */
  async listed(...args: string[]): Promise<readonly string[]> {
    const { sessions } = await this.json<{ sessions: SessionView[] }>('list', ...args);
    return sessions.map(({ session_id }) => session_id);
  }
}

async function placeIn(maos: MaosFolder, ...parts: string[]): Promise<Place> {
  const path = join(maos.project, ...parts);
  await mkdir(path, { recursive: true });
  return new Place(maos, path);
}

interface Named {
  readonly project: string;
}

describe('messages and requests of another project', () => {
  it('are reached by their full id, and by --all', async (t) => {
    const maos = await MaosFolder.make();
    t.after(() => maos.remove());
    const here = await placeIn(maos, 'here');
    const there = await placeIn(maos, 'there');
    const own = `'${process.execPath}' '${bundle}'`;
    const line = `${own} ask 'Which port?'; until [ -e gate ]; do sleep 0.1; done`;
    await there.json('run', '-d', '-x', `asker=${line}`);
    type Requests = { requests: (Named & { request_id: string; agent: string })[] };
    const waited = await here.json<Requests>('requests', '--all', '--wait', '--timeout', '60');
    assert.deepEqual(
      waited.requests.map(({ project, agent }) => [project, agent]),
      [[there.path, 'asker']],
    );
    const none = await here.run('requests');
    assert.deepEqual([none.status, none.stdout], [0, '']);
    const [request = assert.fail()] = waited.requests;
    const answered = await here.json<Named>('answer', request.request_id.slice(-8), '8080', '--all');
    assert.equal(answered.project, there.path);
    assert.deepEqual((await here.json<Requests>('requests', '--all')).requests, []);
    const closed = await here.json<Requests>('requests', '--all', '--closed');
    assert.deepEqual(
      closed.requests.map(({ request_id }) => request_id),
      [request.request_id],
    );

    type Sent = { messages: { id: string }[] };
    const sent = await there.json<Sent>('message', 'send', 'asker', 'Go on.');
    const { id } = sent.messages[0] ?? assert.fail();
    for (const reference of [id.slice(-8), id.slice(0, 14)]) {
      const unknown = await here.run('message', 'wait', reference, '--delivery', '--timeout', '0');
      assert.equal(unknown.status, 3, unknown.stderr);
      assert.match(unknown.stderr, /There is no message .* in this project.*--all/);
    }
    for (const [place, ...words] of [
      [here, id],
      [here, id.slice(-8), '--all'],
      [there, id.slice(-8)],
    ] as const) {
      const late = await place.run('message', 'wait', ...words, '--delivery', '--timeout', '0');
      assert.equal(late.status, 5, late.stderr);
      assert.ok(late.stdout.startsWith(`${id} queued`), late.stdout);
    }
    await there.run('cancel', 'latest');
  });
});

describe('a session of another project', () => {
  let maos: MaosFolder;
  let here: Place;
  let there: Place;
  let running: SessionView;
  before(async () => {
    maos = await MaosFolder.make();
    here = await placeIn(maos, 'here');
    there = await placeIn(maos, 'there');
    running = await there.json('run', '-d', '-x', 'a=until [ -e gate ]; do sleep 0.1; done');
  });
  after(async () => {
    await there.run('cancel', running.session_id);
    await maos.remove();
  });

  it('is not what latest, a part of an id or of an agent id means', async () => {
    const id = running.session_id;
    const agent = running.agents[0]?.agent_id as string;
    const commands = [
      ['cancel'],
      ['pause'],
      ['resume'],
      ['retry'],
      ['status'],
      ['wait'],
      ['events'],
      ['logs'],
      ['export'],
      ['audit', 'verify'],
    ];
    for (const command of commands) {
      for (const reference of ['latest', id.slice(0, -1), id.slice(-8)]) {
        const { status, stdout, stderr } = await here.run(...command, reference);
        assert.deepEqual([status, stdout], [3, ''], `${command} ${reference}: ${stderr}`);
        assert.match(stderr, /--all/, `${command} ${reference}`);
      }
    }
    const { status, stderr } = await here.run('logs', agent.slice(0, -1));
    assert.equal(status, 3, stderr);
    assert.equal((await there.json('status')).state, 'running');
  });

  it('is reached by its full id, and by --all; what is done to it names the project', async () => {
    const id = running.session_id;
    assert.equal((await here.json('status', id)).session_id, id);
    assert.equal((await here.json('status', id.toLowerCase())).session_id, id);
    assert.equal((await here.json('status', '--all')).session_id, id);
    assert.equal((await here.json('status', '--all', id.slice(-8))).session_id, id);
    assert.equal((await here.run('logs', running.agents[0]?.agent_id as string)).status, 0);

    const paused = await here.run('pause', id);
    assert.equal(paused.status, 0, paused.stderr);
    assert.ok(paused.stdout.includes(there.path), paused.stdout);
    const resumed = await here.json('resume', '-d', id);
    assert.deepEqual([resumed.state, resumed.project], ['running', there.path]);
    const cancelled = await here.json('cancel', '--all', 'latest');
    assert.deepEqual(
      [cancelled.session_id, cancelled.state, cancelled.project],
      [id, 'cancelled', there.path],
    );
  });

  it('of several projects --all takes the newest as latest, and names all that a part could mean', async () => {
    const other = await here.json('run', '-d', '-x', 'a=true');
    assert.equal((await there.json('status', '--all')).session_id, other.session_id);
    assert.equal((await there.json('status')).session_id, running.session_id);
    const { status, stderr } = await there.run('status', '--all', running.session_id.slice(0, 9));
    assert.equal(status, 3);
    assert.ok(stderr.includes(running.session_id) && stderr.includes(other.session_id), stderr);
    await here.run('wait');
  });
});

const skip = spawnSync('git', ['--version']).status === 0 ? false : 'there is no git here';

describe('a repository', { skip }, () => {
  let maos: MaosFolder;
  let top: Place;
  before(async () => {
    maos = await MaosFolder.make();
    top = await placeIn(maos, 'top');
    git('init', '-q', '-b', 'main');
    git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'first');
  });
  after(() => maos.remove());

  function git(...args: string[]): void {
    execFileSync('git', ['-C', top.path, ...args], { env: { PATH: process.env.PATH, HOME: top.path } });
  }

  it('is one project from its folders and worktrees, and agents work where they were started', async () => {
    const sub = await placeIn(maos, 'top', 'packages', 'web');
    const tree = new Place(maos, join(maos.project, 'tree'));
    git('worktree', 'add', '-q', tree.path);
    const ids: string[] = [];
    for (const place of [top, sub, tree]) {
      const ran = await place.run(
        'run',
        '-x',
        'where=pwd > pwd.txt; echo "$MAOS_PROJECT_ROOT" >> pwd.txt',
        '--json',
      );
      assert.equal(ran.status, 0, ran.stderr);
      assert.equal(readFileSync(join(place.path, 'pwd.txt'), 'utf8'), `${place.path}\n${place.path}\n`);
      ids.unshift((await place.json('status')).session_id);
    }
    for (const place of [top, sub, tree]) {
      assert.deepEqual(await place.listed(), ids, place.path);
      assert.equal((await place.json('status', ids[2]?.slice(-8) as string)).session_id, ids[2]);
    }
    const { sessions } = await sub.json<{ sessions: SessionView[] }>('list', '--all');
    assert.deepEqual(new Set(sessions.map(({ project }) => project)), new Set([top.path]));
  });

  it('runs what failed again where the session was started, whoever asks and from wherever', async () => {
    const sub = await placeIn(maos, 'top', 'packages', 'api');
    const ran = await sub.run('run', '-x', 'once=test -e again || { touch again; exit 1; }');
    assert.equal(ran.status, 1, ran.stderr);
    assert.ok(existsSync(join(sub.path, 'again')));
    const retried = await top.run('retry', 'latest');
    assert.equal(retried.status, 0, retried.stderr);
    assert.ok(!existsSync(join(top.path, 'again')));
  });

  it('leaves the sessions that a folder of it had of its own reachable, and says so', async () => {
    const outer = await placeIn(maos, 'later');
    const sub = await placeIn(maos, 'later', 'sub');
    const old = await sub.json('run', '-d', '-x', 'a=true');
    await sub.run('wait');
    execFileSync('git', ['init', '-q', outer.path]);
    const { status, stderr, stdout } = await sub.run('list');
    assert.deepEqual([status, stdout], [0, '']);
    assert.match(stderr, /--all/);
    assert.ok(stderr.includes(outer.path) && stderr.includes(sub.path), stderr);
    assert.equal((await sub.run('status')).status, 3);
    assert.equal((await sub.json('status', old.session_id)).state, 'completed');
    assert.ok((await outer.listed('--all')).includes(old.session_id));
  });

  it('has such sessions looked after by a server in that folder', async (t) => {
    const outer = await placeIn(maos, 'watched');
    const sub = await placeIn(maos, 'watched', 'sub');
    const old = await sub.json('run', '-d', '-x', 'a=until [ -e gate ]; do sleep 0.1; done');
    const ownerOf = async (): Promise<number | undefined> => {
      const { instances } = await sub.json<{
        instances: { pid: number; session_ids: string[]; state: string }[];
      }>('instances');
      return instances.find((one) => one.state !== 'gone' && one.session_ids.includes(old.session_id))?.pid;
    };
    const until = async (isSo: (pid: number | undefined) => boolean): Promise<number | undefined> => {
      for (const end = performance.now() + 60_000; performance.now() < end; ) {
        const pid = await ownerOf();
        if (isSo(pid)) return pid;
      }
      assert.fail('nobody took the session over');
    };
    const owner = await until((pid) => pid !== undefined);
    execFileSync('git', ['init', '-q', outer.path]);
    process.kill(owner as number, 'SIGKILL');
    const server = spawn(process.execPath, [bundle, 'serve'], { cwd: sub.path, env: maos.env });
    t.after(async () => {
      await sub.run('cancel', old.session_id);
      server.stdin.end();
    });
    const params = {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo: { name: 't', version: '1' },
    };
    for (const message of [
      { id: 1, method: 'initialize', params },
      { method: 'notifications/initialized' },
    ]) {
      server.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
    }
    assert.equal(await until((pid) => pid === server.pid), server.pid);
  });
});
