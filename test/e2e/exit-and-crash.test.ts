import assert from 'node:assert/strict';
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { after, afterEach, before, describe, it } from 'node:test';
import { agentProcesses, killAgentProcesses } from '../helpers/agent-processes.ts';
import { countedEnvironment } from '../helpers/counted-process.ts';
import { Gate } from '../helpers/gate.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';
import { bundle, jsonLines, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Orchestrated {
  readonly session_id: string;
  readonly agents: readonly { readonly agent_id: string; readonly name: string }[];
}

let maos: MaosFolder;
const started: ChildProcess[] = [];
before(async () => {
  maos = await MaosFolder.make();
  mkdirSync(maos.home, { recursive: true, mode: 0o700 });
  writeFileSync(
    join(maos.home, 'config.json'),
    JSON.stringify({ allowCommands: ['*'], stopGraceSeconds: 2 }),
  );
});
afterEach(() => {
  for (const child of started.splice(0)) if (child.exitCode === null) child.kill('SIGKILL');
});
after(() => maos.remove());

/** `maos serve` as a client starts it, in its own process group. */
class Server {
  readonly child = spawn(process.execPath, [bundle, 'serve'], {
    cwd: maos.project,
    env: countedEnvironment(['serve'], maos.env),
    stdio: ['pipe', 'pipe', 'ignore'],
    detached: true,
  });
  readonly #lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  #id = 0;

  static async start(): Promise<Server> {
    const server = new Server();
    started.push(server.child);
    server.child.stdin.on('error', () => {});
    const clientInfo = { name: 'e2e', version: '1' };
    await server.#ask('initialize', { protocolVersion: '2025-11-25', capabilities: {}, clientInfo });
    server.#send({ method: 'notifications/initialized' });
    return server;
  }

  /** Settles when every agent is running. */
  async orchestrate(on_exit: 'stop' | 'keep', command: string): Promise<Orchestrated> {
    const agents = [{ role: 'qa', task: 'Run.', command: ['/bin/sh', '-c', command] }];
    const { structuredContent, ...rest } = await this.#ask('tools/call', {
      name: 'orchestrate',
      arguments: { objective: 'See it out.', on_exit, agents },
    });
    assert.ok(structuredContent, JSON.stringify(rest));
    const made = structuredContent as Orchestrated;
    await until(
      () => agentProcesses(idsOf(made)).length > 1,
      () => `processes of agents: ${eventsOf(made.session_id).join('\n')}`,
    );
    return made;
  }

  #send(message: Record<string, unknown>): void {
    this.child.stdin.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  async #ask(method: string, params: unknown): Promise<Record<string, unknown>> {
    this.#send({ id: ++this.#id, method, params });
    for (;;) {
      const { value, done } = await this.#lines.next();
      assert.notEqual(done, true, 'the server has ended');
      const message = JSON.parse(value as string);
      if (message.id === this.#id) return message.result;
    }
  }
}

/** Pids of the detached processes of this test's home. */
function detached(): readonly number[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,stat=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 26,
  });
  return stdout.split('\n').flatMap((line) => {
    const [pid, stat] = line.trim().split(/\s+/, 2);
    const isOurs = line.includes(' supervise ') && line.includes(`MAOS_HOME=${maos.home}`);
    return isOurs && !stat?.startsWith('Z') && !line.includes(' axeww ') ? [Number(pid)] : [];
  });
}

function projectFolder(): string {
  const [hash = ''] = readdirSync(join(maos.home, 'projects'));
  return join(maos.home, 'projects', hash);
}

/** The stored events. */
function eventsOf(id: string): readonly string[] {
  const db = new DatabaseSync(join(projectFolder(), 'project.db'), { readOnly: true });
  try {
    const rows = db.prepare('SELECT * FROM events WHERE session_id = ? ORDER BY seq').all(id);
    return rows.map((row) => JSON.stringify(row));
  } finally {
    db.close();
  }
}

/** The stored state, read directly, because any command could change it. */
function stored(id: string): { readonly state: string; readonly pause_reason: string | null } {
  const db = new DatabaseSync(join(projectFolder(), 'project.db'), { readOnly: true });
  try {
    db.exec('PRAGMA busy_timeout = 5000');
    return db.prepare('SELECT state, pause_reason FROM sessions WHERE id = ?').get(id) as never;
  } finally {
    db.close();
  }
}

/** How long the client waits, regardless of the server's progress. */
const pause = (ms: number) => giveTimeTo('do what the client gives it time for', ms);
const idsOf = ({ agents }: Orchestrated) => agents.map(({ agent_id }) => agent_id);

/**
 * Settles when the server has started the process that continues, or has ended. On a busy machine this takes longer
 * than clients wait; then the next maos completes it.
 */
const handedOver = (server: ChildProcess) =>
  until(() => detached().length > 0 || server.exitCode !== null || server.signalCode !== null);

/** How clients end their servers. */
const endings: Readonly<Record<string, (server: ChildProcess) => Promise<void>>> = {
  'Claude Code: SIGINT, SIGTERM after 100 ms, SIGKILL 500 ms later or more': async (server) => {
    server.kill('SIGINT');
    await pause(100);
    server.kill('SIGTERM');
    await pause(500);
    await handedOver(server);
    server.kill('SIGKILL');
  },
  'Codex: SIGTERM to the whole group and EOF, SIGKILL after 30 ms or more': async (server) => {
    const group = -(server.pid as number);
    process.kill(group, 'SIGTERM');
    server.stdin?.end();
    await pause(30);
    await handedOver(server);
    try {
      process.kill(group, 'SIGKILL');
    } catch (error) {
      // It had already ended.
      assert.equal((error as NodeJS.ErrnoException).code, 'ESRCH');
    }
  },
  'EOF, SIGKILL after 30 ms or more': async (server) => {
    server.stdin?.end();
    await pause(30);
    await handedOver(server);
    server.kill('SIGKILL');
  },
};

describe('a server with three sessions whose client ends it', () => {
  for (const [how, end] of Object.entries(endings)) {
    it(`leaves them to one process, which ends by itself. ${how}`, async () => {
      const gate = new Gate(maos.project, `go-${Object.keys(endings).indexOf(how)}`);
      const server = await Server.start();
      const stop = [
        await server.orchestrate('stop', 'sleep 300 & sleep 300'),
        await server.orchestrate('stop', 'exec sleep 300'),
      ];
      const keep = await server.orchestrate('keep', `echo begun; ${gate.wait}; echo ended`);
      const exited = once(server.child, 'exit');
      await end(server.child);
      await exited;
      const seen = new Set<number>();
      const isOver = (): boolean => {
        for (const pid of detached()) seen.add(pid);
        return stop.every(({ session_id }) => !['created', 'running'].includes(stored(session_id).state));
      };
      await until(isOver);
      for (const session of stop) {
        assert.deepEqual({ ...stored(session.session_id) }, { state: 'paused', pause_reason: 'interrupted' });
        assert.deepEqual(agentProcesses(idsOf(session)), []);
      }
      assert.equal(stored(keep.session_id).state, 'running');
      gate.openNow();
      await until(() => stored(keep.session_id).state === 'completed');
      await until(() => detached().length === 0);
      assert.equal(seen.size, 1);
      assert.equal((await maos.run('logs', keep.session_id)).stdout, 'begun\nended\n');
    });
  }

  it('and the one process is killed too: the next maos does what is left', async () => {
    const server = await Server.start();
    const session = await server.orchestrate('stop', "trap '' TERM; sleep 300 & sleep 300; sleep 300");
    server.child.stdin.end();
    await until(() => detached().length === 1);
    const [newOwner] = detached();
    const db = () => (stored(session.session_id).state === 'running' ? 1 : 0);
    // In the middle of the end: the agent ignores SIGTERM.
    await until(() => db() === 1 && agentProcesses(idsOf(session)).length > 0);
    process.kill(newOwner as number, 'SIGKILL');
    await until(() => detached().length === 0);
    const next = await Server.start();
    await until(() => stored(session.session_id).state !== 'running');
    assert.deepEqual({ ...stored(session.session_id) }, { state: 'paused', pause_reason: 'interrupted' });
    assert.deepEqual(agentProcesses(idsOf(session)), []);
    next.child.stdin.end();
    await once(next.child, 'exit');
  });
});

describe('kill -9 of maos run', () => {
  it('and the next command that looks has the session go on: nothing runs twice, nothing is missing', async () => {
    const gate = new Gate(maos.project, 'live');
    const mark = (name: string) => `echo ${name} >>ran.txt`;
    const plan = {
      objective: 'Survive.',
      agents: Object.entries({
        done: `${mark('done')}; echo done`,
        live: `${mark('live')}; for i in 1 2 3 4 5 6 7 8 9; do echo line $i; sleep 0.1; done; ${gate.wait}; echo last`,
        meanwhile: `${mark('meanwhile')}; sleep 0.5; echo alone`,
        lost: `${mark('lost')}; echo before; sleep 300`,
        after: mark('after'),
      }).map(([name, command]) => ({
        name,
        role: 'tester',
        task: name,
        command,
        ...(name === 'after' ? { depends_on: ['live', 'meanwhile'] } : {}),
      })),
    };
    const run = maos.start(['run', '-', '--json'], { input: JSON.stringify(plan) });
    const first = JSON.parse(
      await lineFrom(run.process.stdout as NodeJS.ReadableStream, /"session\.created".*\}$/),
    );
    const id = first.session_id as string;
    const { agents } = await maos.json<Orchestrated>('status', id);
    const agent = (name: string) => agents.find((one) => one.name === name)?.agent_id as string;
    const printed = async (name: string) => (await maos.run('logs', id, name)).stdout;
    await until(async () => (await printed('lost')) !== '' && (await printed('live')) !== '');
    run.process.kill('SIGKILL');
    await run.finished;
    killAgentProcesses([agent('lost')]);
    await until(() => agentProcesses([agent('meanwhile')]).length === 0);

    const ps = JSON.parse((await maos.run('ps', '--json')).stdout) as { agents: Record<string, unknown>[] };
    const live = ps.agents.find((one) => one.agent_id === agent('live'));
    assert.deepEqual([live?.name, live?.session_id, live?.stray], ['live', id, false]);
    const events = maos.start(['events', '-f', '--json', id]);
    gate.openNow();
    const { stdout, stderr } = await events.finished;
    assert.ok(
      stderr === '' ||
        /^The maos process running sess_\w{26} has died\. Started a new one to continue\.\n$/.test(stderr),
    );
    const seen = jsonLines(stdout);
    assert.equal(seen.at(-1)?.type, 'session.failed', 'because of the one that was lost');
    const states = await maos.json<{ agents: { name: string; state: string; attempt: number }[] }>(
      'status',
      id,
    );
    assert.deepEqual(
      states.agents.map(({ name, state }) => `${name} ${state}`),
      ['done completed', 'live completed', 'meanwhile completed', 'lost failed', 'after completed'],
    );
    const starts = seen.filter(({ type }) => type === 'agent.started');
    assert.equal(starts.length, 5);
    const lines = [1, 2, 3, 4, 5, 6, 7, 8, 9].map((n) => `line ${n}\n`).join('');
    assert.equal(await printed('live'), `${lines}last\n`);
    const ran = await maos.start(['run', '--json', '-x', 'see=sort ran.txt']).finished;
    const result = jsonLines(ran.stdout).at(-1) as { agents: { result: string }[] };
    assert.equal(result.agents[0]?.result, 'after\ndone\nlive\nlost\nmeanwhile');
    await until(() => detached().length === 0);
  });
});

describe('kill -9 right after a session has ended', () => {
  it('leaves files behind the store, which a server brings after it without being asked', async () => {
    const ran = await maos.start(['run', '--json', '-x', 'see=echo done']).finished;
    const { session_id: id } = jsonLines(ran.stdout)[0] as { session_id: string };
    const log = join(projectFolder(), 'sessions', id, 'session.log');
    const whole = readFileSync(log, 'utf8');
    const db = new DatabaseSync(join(projectFolder(), 'project.db'));
    db.exec(
      "INSERT INTO owners (instance_id, heartbeat_at) VALUES ('inst_gone', '2020-01-01T00:00:00.000Z')",
    );
    db.prepare("UPDATE sessions SET owner_id = 'inst_gone' WHERE id = ?").run(id);
    db.close();
    writeFileSync(log, whole.slice(0, whole.indexOf('\n') + 10));
    const server = await Server.start();
    await until(() => readFileSync(log, 'utf8') === whole);
    server.child.stdin.end();
    await once(server.child, 'exit');
  });
});

describe('maos instances', () => {
  it('lists servers soon after initialize, and forgets those that are gone once it has shown them', async () => {
    const server = await Server.start();
    const list = async () =>
      (await maos.json<{ instances: { pid: number; state: string; version: string }[] }>('instances'))
        .instances;
    const find = async () => (await list()).find(({ pid }) => pid === server.child.pid);
    await until(find);
    assert.equal((await find())?.state, 'alive');
    const exited = once(server.child, 'exit');
    server.child.kill('SIGKILL');
    await exited;
    assert.equal((await find())?.state, 'gone');
    assert.equal(await find(), undefined);
    const polite = await Server.start();
    await until(async () => (await list()).some(({ pid }) => pid === polite.child.pid));
    const left = once(polite.child, 'exit');
    polite.child.stdin.end();
    await left;
    assert.equal(
      (await list()).some(({ pid }) => pid === polite.child.pid),
      false,
      'it said goodbye',
    );
  });
});
