import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { isThere, jsonLines, lineFrom, MaosFolder, type Running } from '../presentation/cli/maos-process.ts';

interface AgentView {
  readonly agent_id: string;
  readonly name: string;
  readonly state: string;
  readonly attempt: number;
  readonly suspended?: boolean;
  readonly waiting?: string;
  readonly failure?: { readonly kind: string; readonly message: string };
}

interface SessionView {
  readonly session_id: string;
  readonly state: string;
  readonly pause_reason?: string;
  readonly already?: boolean;
  readonly agents: readonly AgentView[];
}

/** A process that records its start in `starts-NAME`, prints its pid, and ends once `gate-NAME` exists. */
function gated(name: string): string {
  const program = `setInterval(() => { if (fs.existsSync("gate-${name}")) process.exit(); }, 50)`;
  return `echo $$ >> starts-${name}; echo "pid $$"; exec '${process.execPath}' -e '${program}'`;
}

/** The state letter of a process from ps; `T`: stopped. */
function stateOf(pid: number): string {
  const { stdout } = spawnSync('ps', ['-o', 'stat=', '-p', String(pid)], { encoding: 'utf8' });
  return stdout.trim().slice(0, 1);
}

describe('controlling a session from another process', () => {
  let maos: MaosFolder;
  let running: Running | null;

  beforeEach(async () => {
    maos = await MaosFolder.make();
    running = null;
  });
  afterEach(async () => {
    const { status, stderr } = await maos.run('cancel', 'latest');
    assert.ok(status === 0 || status === 3 || status === 4, stderr);
    await running?.finished;
    await maos.remove();
  });

  const open = (name: string): Promise<void> => writeFile(join(maos.project, `gate-${name}`), '');
  const startsOf = async (name: string): Promise<readonly number[]> => {
    const text = await readFile(join(maos.project, `starts-${name}`), 'utf8');
    return text.trim().split('\n').map(Number);
  };
  const status = (): Promise<SessionView> => maos.json<SessionView>('status');
  const agentNamed = ({ agents }: SessionView, name: string): AgentView =>
    agents.find((agent) => agent.name === name) ?? assert.fail(`no agent ${name}`);

  /** Starts a run in the foreground; settles once the named agents have processes. */
  async function startRun(names: readonly string[], ...args: readonly string[]): Promise<Running> {
    const run = maos.start(['run', ...args, '--json']);
    running = run;
    const seen = names.map((name) =>
      lineFrom(
        run.process.stdout as NodeJS.ReadableStream,
        new RegExp(`"agent.progressed".*"name":"${name}","activity":"pid `),
      ),
    );
    await Promise.all(seen);
    return run;
  }

  it('pause makes its processes stand still, resume lets the same ones go on, watched from there', async () => {
    const run = await startRun(['a'], '-x', `a=${gated('a')}`, '-x', 'quick=true');
    const [pid] = await startsOf('a');
    assert.ok(pid);
    const paused = await maos.json<SessionView>('pause', 'latest', '--reason', 'lunch');
    assert.deepEqual(
      [paused.state, paused.pause_reason, paused.already, agentNamed(paused, 'a').suspended],
      ['paused', 'user', false, true],
    );
    assert.equal(stateOf(pid), 'T', 'it does not stand still');
    const { status: exit, stdout } = await run.finished;
    assert.equal(exit, 7, 'a paused run is neither done nor failed');
    assert.equal(jsonLines(stdout).at(-1)?.state, 'paused');
    assert.match((await maos.run('status')).stdout, /‖ +a +command +command +suspended/);
    assert.equal((await maos.json<SessionView>('pause', 'latest')).already, true);
    assert.equal(stateOf(pid), 'T', 'it does not stand still without a maos');

    const resumed = maos.start(['resume', 'latest', '--json']);
    running = resumed;
    await lineFrom(resumed.process.stdout as NodeJS.ReadableStream, /"agent\.continued"/);
    await open('a');
    const end = await resumed.finished;
    assert.equal(end.status, 0, `${end.stdout}\n${end.stderr}`);
    const types = jsonLines(end.stdout).map(({ type }) => type);
    assert.equal(types[0], 'session.requested', 'it begins with what this command did');
    assert.deepEqual(types.slice(-2), ['session.completed', 'summary']);
    const done = await status();
    assert.deepEqual([done.state, agentNamed(done, 'a').attempt], ['completed', 1]);
    assert.deepEqual(await startsOf('a'), [pid], 'the process from before the pause went on');
    const { stdout: events } = await maos.run('events', 'latest');
    assert.match(events, /pause requested by terminal: lunch/);
    assert.match(events, /a: suspended[\s\S]*a: continued/);
  });

  it('resume --detach runs it on in the background, whatever its exit policy', async () => {
    const run = await startRun(['a'], '-x', `a=${gated('a')}`, '--on-exit', 'stop');
    await maos.run('pause', 'latest');
    await run.finished;
    const { status: exit, stdout, stderr } = await maos.run('resume', 'latest', '--detach');
    assert.deepEqual([exit, stderr], [0, '']);
    assert.match(stdout, /^sess_\w+ resumed\. It runs in the background\.\n/);
    assert.match(stdout, /maos(\.js)? logs sess_\w+ -f/);
    await open('a');
    assert.equal((await maos.run('wait', 'latest', '--timeout', '60')).status, 0);
    assert.equal((await startsOf('a')).length, 1);
  });

  it('retry runs again what failed and what depended on it, and nothing that completed', async () => {
    const plan = {
      objective: 'Fail at first.',
      agents: [
        { name: 'base', role: 'engineer', task: 'x', command: 'echo $$ >> starts-base' },
        { name: 'shaky', role: 'engineer', task: 'x', command: 'echo $$ >> starts-shaky; [ -e fixed ]' },
        { name: 'after', role: 'qa', task: 'x', command: 'echo after', depends_on: ['base', 'shaky'] },
      ],
    };
    await writeFile(join(maos.project, 'plan.json'), JSON.stringify(plan));
    assert.equal((await maos.run('run', 'plan.json')).status, 1);
    assert.match((await maos.run('status')).stdout, /maos(\.js)? retry sess_\w+ +retry the failed agents/);
    const again = await maos.run('retry', 'latest', '--agent', 'shaky');
    assert.equal(again.status, 1, 'it fails once more');
    assert.match(again.stderr, /retried: 2 agents queued \(shaky, after\)/);
    await writeFile(join(maos.project, 'fixed'), '');
    const { status: exit, stdout, stderr } = await maos.run('retry', 'latest');
    assert.equal(exit, 0, `${stdout}\n${stderr}`);
    const done = await status();
    assert.deepEqual(
      done.agents.map(({ name, state, attempt }) => [name, state, attempt]),
      [
        ['base', 'completed', 1],
        ['shaky', 'completed', 3],
        ['after', 'completed', 1],
      ],
    );
    assert.deepEqual([(await startsOf('base')).length, (await startsOf('shaky')).length], [1, 3]);
    assert.match((await maos.run('status')).stdout, /shaky +backend_engineer +command +completed +3 /);
  });

  it('cancel --agent stops one agent and what depends on it; the others go on', async () => {
    const plan = {
      objective: 'Lose one.',
      agents: [
        { name: 'kept', role: 'engineer', task: 'x', command: gated('kept') },
        { name: 'lost', role: 'engineer', task: 'x', command: gated('lost') },
        { name: 'after', role: 'qa', task: 'x', command: 'true', depends_on: ['lost'] },
      ],
    };
    await writeFile(join(maos.project, 'plan.json'), JSON.stringify(plan));
    const run = await startRun(['kept', 'lost'], 'plan.json');
    const [[kept], [lost]] = await Promise.all([startsOf('kept'), startsOf('lost')]);
    assert.ok(kept && lost);
    const { stdout, status: exit } = await maos.run('cancel', 'latest', '--agent', 'lost');
    assert.equal(exit, 0);
    assert.match(stdout, /^lost \(agent_\w+\) cancelled, 0 processes left\. The session is running\.\n/);
    assert.deepEqual([isThere(kept), isThere(lost)], [true, false]);
    const now = await status();
    assert.deepEqual(
      now.agents.map(({ name, state }) => [name, state]),
      [
        ['kept', 'running'],
        ['lost', 'cancelled'],
        ['after', 'cancelled'],
      ],
    );
    await open('kept');
    assert.equal((await run.finished).status, 1);
    assert.equal(agentNamed(await status(), 'kept').state, 'completed');
  });

  it('says why an agent waits, with the limit', async () => {
    await startRun(['a'], '-x', `a=${gated('a')}`, '-x', 'b=true', '--max-concurrency', '1');
    assert.match(agentNamed(await status(), 'b').waiting ?? '', /^session_limit of 1 /);
    assert.match(
      (await maos.run('status')).stdout,
      /Waiting\n {2}b: limit of the session reached \(1 at once\)/,
    );
  });

  it('retries with a larger budget what has used up its own', async () => {
    const slow = 'slow=[ -e rich ] || sleep 60';
    const { status: exit, stdout } = await maos.run('run', '-x', slow, '--max-minutes', '0.01');
    assert.equal(exit, 5);
    assert.match(stdout, /retry sess_\S+ --max-minutes 0\.02 +continue with a larger budget/);
    await writeFile(join(maos.project, 'rich'), '');
    const refused = await maos.run('retry', 'latest');
    assert.equal(refused.status, 5);
    assert.match(refused.stderr, /larger one, as with 'maos retry sess_\w+ --max-minutes N'/);
    const again = await maos.run('retry', 'latest', '--max-minutes', '30');
    assert.equal(again.status, 0, `${again.stdout}${again.stderr}`);
    assert.equal((await maos.run('retry', 'latest', '--max-tokens', '5')).status, 4);
  });

  it('stops at a budget and says by how much', async () => {
    const { status: exit, stdout } = await maos.run('run', '-x', 'slow=sleep 60', '--max-minutes', '0.01');
    assert.equal(exit, 5);
    assert.match(stdout, /budget_exceeded/);
    assert.match(stdout, /Budgets\n {2}session: .* of 0\.6s \(\d+ %\)/);
  });

  it('answers 4 where it is not possible in the state, 3 for unknown agents', async () => {
    await maos.run('run', '-x', 'a=true');
    for (const [args, expected] of [
      [['pause', 'latest'], 4],
      [['resume', 'latest'], 4],
      [['retry', 'latest'], 4],
      [['cancel', 'latest'], 4],
      [['cancel', 'latest', '--agent', 'a'], 4],
      [['retry', 'latest', '--agent', 'nobody'], 3],
      [['cancel', 'latest', '--agent', 'nobody'], 3],
      [['pause', 'zzzz'], 3],
      [['resume'], 2],
    ] as const) {
      const { status: exit, stdout, stderr } = await maos.run(...args);
      assert.deepEqual([exit, stdout], [expected, ''], `${args.join(' ')}: ${stderr}`);
      if (expected === 4) assert.match(stderr, / cannot be /);
    }
  });
});
