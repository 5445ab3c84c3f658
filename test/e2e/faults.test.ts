import assert from 'node:assert/strict';
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { agentProcesses } from '../helpers/agent-processes.ts';
import { Gate } from '../helpers/gate.ts';
import { smallDisk } from '../helpers/small-disk.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';
import {
  type Finished,
  jsonLines,
  lineFrom,
  MaosFolder,
  type Running,
} from '../presentation/cli/maos-process.ts';

/*
 * The behaviour of a run when its resources fail, with the built program, its real database and files. Expected in
 * every case: the run continues by itself as soon as it can, no reported record is lost, and nothing runs twice.
 */

interface AgentView {
  readonly agent_id: string;
  readonly name: string;
  readonly state: string;
  readonly attempt: number;
  readonly result: string | null;
}

interface SessionView {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly AgentView[];
}

let maos: MaosFolder;
let running: Running | null;

beforeEach(async () => {
  maos = await MaosFolder.make();
  running = null;
});
afterEach(async () => {
  running?.process.kill('SIGKILL');
  await running?.finished;
  await maos.run('cancel', 'latest');
  await maos.remove();
});

/** Records each start outside of MAOS, waits at the gate, and reports that it is done. */
function noted(name: string, gate: Gate): string {
  return `echo ${name} >>starts; ${gate.wait}; echo ${name} done`;
}

/** Starts a run in the foreground; settles once all named agents have processes. */
async function startRun(names: readonly string[], args: readonly string[], env = maos.env): Promise<Running> {
  const run = maos.start(['run', 'Hold on.', ...args, '--json'], { env });
  running = run;
  const stdout = run.process.stdout as NodeJS.ReadableStream;
  await Promise.all(names.map((name) => lineFrom(stdout, new RegExp(`"agent.spawned".*"name":"${name}"`))));
  return run;
}

async function startsOf(): Promise<readonly string[]> {
  return (await readFile(join(maos.project, 'starts'), 'utf8')).trim().split('\n').toSorted();
}

/**
 * Checks that the run completed with one attempt per agent, and that every reported record is stored, in the log, and
 * intact.
 */
async function assertWhole(
  { status, stdout, stderr }: Finished,
  names: readonly string[],
  home: string,
  env = maos.env,
): Promise<void> {
  assert.equal(status, 0, stderr);
  const told = jsonLines(stdout);
  const summary = told.pop() as unknown as SessionView;
  assert.equal(summary.state, 'completed');
  assert.deepEqual(
    summary.agents.map(({ name, state, attempt, result }) => [name, state, attempt, result]),
    names.map((name) => [name, 'completed', 1, `${name} done`]),
  );
  assert.deepEqual(await startsOf(), [...names].toSorted(), 'nothing ran twice');
  const id = summary.session_id;
  const stored = await maos.start(['events', id, '--json'], { env }).finished;
  assert.deepEqual(jsonLines(stored.stdout), told);
  const [project = ''] = await readdir(join(home, 'projects'));
  const log = await readFile(join(home, 'projects', project, 'sessions', id, 'session.log'), 'utf8');
  assert.deepEqual(
    jsonLines(log).map(({ seq }) => seq),
    told.map(({ seq }) => seq),
  );
  const verified = await maos.start(['audit', 'verify', id], { env }).finished;
  assert.equal(verified.status, 0, verified.stdout + verified.stderr);
  assert.deepEqual(agentProcesses(summary.agents.map(({ agent_id }) => agent_id)), []);
}

/** Fills the disk. */
function fill(path: string): string {
  const file = openSync(path, 'w');
  for (let size = 65_536; size >= 1; ) {
    try {
      writeSync(file, Buffer.alloc(size));
    } catch {
      // Too large for the remaining space; a smaller size may fit.
      size = Math.floor(size / 16);
    }
  }
  // An open file occupies its space even after it is deleted.
  closeSync(file);
  return path;
}

describe('a disk that is full in the middle of a run', () => {
  it('holds the run up until there is room again, and loses nothing', async (t: TestContext) => {
    const disk = smallDisk(t, 4_000);
    if (disk === null) return;
    const home = join(disk, 'home');
    const env = { ...maos.env, MAOS_HOME: home };
    const [first, second] = [new Gate(maos.project, 'first'), new Gate(maos.project, 'second')];
    const run = await startRun(
      ['a', 'b'],
      ['-x', `a=${noted('a', first)}`, '-x', `b=${noted('b', second)}`],
      env,
    );
    const ballast = fill(join(disk, 'ballast'));
    // Output of an agent to a full disk is lost, but MAOS is not affected. This agent ends while its output is still in
    // the pipe.
    first.openNow();
    await giveTimeTo('give up', 1_500);
    assert.equal(run.process.exitCode, null, 'it waits');
    rmSync(ballast);
    second.openNow();
    const finished = await run.finished;
    const told = jsonLines(finished.stdout);
    const summary = told.at(-1) as unknown as SessionView;
    const [a, b] = summary.agents;
    // The disk lost its output and the record of its exit, so its end is unknown, and MAOS must not invent one.
    assert.match(`${a?.state}`, /^(completed|failed)$/);
    assert.deepEqual([b?.state, b?.result, b?.attempt], ['completed', 'b done', 1]);
    assert.equal(summary.state, a?.state === 'completed' ? 'completed' : 'failed');
    assert.equal(finished.status, a?.state === 'completed' ? 0 : 1, finished.stderr);
    assert.deepEqual(await startsOf(), ['a', 'b']);
    const verified = await maos.start(['audit', 'verify', summary.session_id], { env }).finished;
    assert.equal(verified.status, 0, verified.stdout + verified.stderr);
    const stored = await maos.start(['events', summary.session_id, '--json'], { env }).finished;
    assert.deepEqual(jsonLines(stored.stdout), told.slice(0, -1));
  });
});

describe('a database that another writer holds for longer than maos waits for it', () => {
  it('holds the run up for as long; no other maos takes it away, and nothing is lost', async () => {
    mkdirSync(maos.home, { mode: 0o700 });
    writeFileSync(join(maos.home, 'config.json'), '{"busyTimeoutMs":300}');
    const gate = new Gate(maos.project, 'go');
    const names = ['a', 'b', 'c'];
    const run = await startRun(
      names,
      names.flatMap((name) => ['-x', `${name}=${noted(name, gate)}`]),
    );
    const server = maos.start(['serve']);
    const [project = ''] = await readdir(join(maos.home, 'projects'));
    const db = new DatabaseSync(join(maos.home, 'projects', project, 'project.db'), { timeout: 5_000 });
    try {
      db.exec('BEGIN IMMEDIATE');
      gate.openNow();
      // More than one entry shows that it keeps retrying.
      await until(async () => (await logged()).split('store not usable, retrying').length > 3);
      assert.equal(run.process.exitCode, null, 'it waits');
      db.exec('ROLLBACK');
    } finally {
      db.close();
    }
    await assertWhole(await run.finished, names, maos.home);
    server.process.kill('SIGTERM');
    await server.finished;
  });
});

describe('files deleted under MAOS', () => {
  it('an agent’s output is followed to its end all the same', async () => {
    const gate = new Gate(maos.project, 'go');
    const run = await startRun(['a'], ['-x', `a=${noted('a', gate)}`]);
    await rm((await logsOf(maos.home, 'stdout.log'))[0] as string);
    gate.openNow();
    await assertWhole(await run.finished, ['a'], maos.home);
  });

  it('the session’s log is written again, from its first record', async () => {
    const gate = new Gate(maos.project, 'go');
    const run = await startRun(['a'], ['-x', `a=${noted('a', gate)}`]);
    await rm((await logsOf(maos.home, 'session.log'))[0] as string);
    gate.openNow();
    await assertWhole(await run.finished, ['a'], maos.home);
  });
});

/** The logs of all maos processes of the home. */
async function logged(): Promise<string> {
  const folder = join(maos.home, 'logs');
  const names = await readdir(folder).catch(() => []);
  return (await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')))).join('');
}

/** The files with this name, once they exist: a session's log is written shortly after its table. */
async function logsOf(home: string, name: string): Promise<readonly string[]> {
  return until(async () => {
    const entries = await readdir(join(home, 'projects'), { recursive: true });
    const logs = entries.filter((path) => path.endsWith(`/${name}`));
    return logs.length > 0 ? logs.map((path) => join(home, 'projects', path)) : null;
  });
}
