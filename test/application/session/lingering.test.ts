import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { requestPause, requestResume } from '../../../src/application/control/control.ts';
import type { Settings } from '../../../src/application/ports/settings.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, type Step, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import {
  eventOf,
  lacksProcesses,
  outcome,
  type RealProject,
  realProject,
  run,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

const noLimits = { stallMs: null, maxOutputBytes: null, afterResultMs: null, maxSubagents: null };

interface ClockedProject extends RealProject {
  readonly clock: SteeredClock;
}

function project(t: TestContext, limits: Partial<Settings['limits']> = {}): ClockedProject {
  const clock = new SteeredClock();
  return { ...claudeProject(t, { clock, settings: { limits: { ...noLimits, ...limits } } }), clock };
}

function background(...names: string[]): Step {
  const tasks = names.map((description) => ({ task_id: description, description, task_type: 'local_bash' }));
  return { line: { type: 'system', subtype: 'background_tasks_changed', tasks } };
}
const init: Step = { line: { type: 'system', subtype: 'init' } };
const stay: Step = { ms: 60_000 };
const answering: Step = { make: 'answered' };
const interim = [turn(5), background('Build it'), success('The build runs.'), answering];

/** A team whose first agent has answered while its build runs, and whose second agent waits for the first. */
async function building(
  real: ClockedProject,
  first: readonly Step[],
  more: Parameters<typeof player>[3] = {},
): Promise<SessionId> {
  const id = await start(real, [
    player(real.root, 'builder', [first, [turn(1), success('All built.')]], more),
    shell('after', 'echo never', { depends_on: ['builder'] }),
  ]);
  await untilLingering(real, id);
  const { data } = await eventOf(real, id, 'agent.answered', 'builder');
  assert.deepEqual(data, { name: 'builder', background: ['Build it'], until: null });
  const { state, lingering } = outcome(real, id).agent('builder');
  assert.deepEqual([state, lingering], ['running', { background: ['Build it'], until: null }]);
  return id;
}

/** Waits until the agent is lingering, some time after its answer. */
async function untilLingering(real: ClockedProject, id: SessionId): Promise<void> {
  await until(() => existsSync(join(real.root, 'answered')));
  await real.clock.passUntil(() => outcome(real, id).of('agent.answered').length > 0);
}

describe('an agent that has answered while its work goes on in the background', () => {
  it('has not completed when it is paused, and goes on when the session does', async (t) => {
    const real = project(t);
    const id = await building(real, [...interim, stay]);
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    const paused = await settled(real, id);
    const { state, lingering, result } = paused.agent('builder');
    assert.deepEqual([paused.state, state, lingering, result], ['paused', 'resumable', null, null]);
    assert.equal(paused.agent('after').state, 'pending');
    await requestResume(real.project, real.supervisor, id, 'test', 'On.');
    const done = await settled(real, id);
    assert.equal(done.agent('builder').result, 'All built.');
    assert.equal(startsOf(real.root, 'builder').length, 2);
  });

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`has failed when somebody ends it by ${signal}, and nobody starts on what it said`, async (t) => {
      if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
      const real = project(t);
      const id = await building(real, [...interim, stay]);
      const found = outcome(real, id);
      for (const pid of agentProcesses([found.agent('builder').id])) {
        const { stdout } = spawnSync('ps', ['-o', 'args=', '-p', String(pid)], { encoding: 'utf8' });
        // Not the wrapper's own processes, which must record the end.
        if (stdout.startsWith(process.execPath)) process.kill(pid, signal);
      }
      const done = await settled(real, id);
      const { state, failure, result } = done.agent('builder');
      assert.deepEqual([state, failure?.kind, result], ['failed', 'signal', null]);
      assert.match(failure?.message ?? '', /background work \(Build it\) did not finish/);
      assert.equal(done.agent('after').failure?.kind, 'dependency_failed');
    });
  }

  it('has failed when its time is up', async (t) => {
    const real = project(t);
    const id = await building(real, [...interim, stay], { timeout_minutes: 10 });
    await real.clock.pass(600_000);
    const done = await settled(real, id);
    const { state, failure, result } = done.agent('builder');
    assert.deepEqual([state, failure?.kind, result], ['failed', 'timeout', null]);
  });

  it('completes with what it says in the end', async (t) => {
    const real = project(t);
    const end = [background(), init, turn(5), success('It is built.'), { wait: 'noted' }];
    const id = await building(real, [...interim, { wait: 'built' }, ...end]);
    writeFileSync(join(real.root, 'built'), '');
    await eventOf(real, id, 'agent.went_on', 'builder');
    writeFileSync(join(real.root, 'noted'), '');
    const done = await settled(real, id);
    const { state, result, usage, lingering } = done.agent('builder');
    assert.deepEqual([state, result, usage?.turns, lingering], ['completed', 'It is built.', 2, null]);
    assert.equal(done.state, 'completed');
  });
});

describe('an agent whose processes remain after its result', () => {
  it('is waited for, then they are ended and named, and it has completed with its result', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const real = project(t, { afterResultMs: 600_000 });
    const started = await start(real, [
      player(real.root, 'server', [[turn(5), success('It serves.'), answering, stay]]),
      shell('after', 'echo ran', { depends_on: ['server'] }),
    ]);
    await untilLingering(real, started);
    assert.equal(outcome(real, started).agent('server').state, 'running');
    await real.clock.pass(600_000);
    const done = await settled(real, started);
    const { state, result, id } = done.agent('server');
    assert.deepEqual([done.state, state, result], ['completed', 'completed', 'It serves.']);
    assert.deepEqual(agentProcesses([id]), []);
    const [answered] = done.of('agent.answered', 'server');
    assert.deepEqual(answered?.data.background, []);
    assert.match(answered?.data.until ?? '', /Z$/);
    const [stopped] = done.of('agent.stopped', 'server');
    assert.equal(stopped?.data.survivors, 0);
    assert.match(stopped?.data.processes?.join() ?? '', /fake-claude\.mjs .*\(\d+\)/);
  });

  it('is ended the same way when its own background work never ends', async (t) => {
    const real = project(t, { afterResultMs: 600_000 });
    const server = [turn(5), background('Serve'), success('It serves in the background.'), answering, stay];
    const started = await start(real, [player(real.root, 'server', [server])]);
    await untilLingering(real, started);
    await real.clock.pass(600_000);
    const done = await settled(real, started);
    assert.equal(done.agent('server').result, 'It serves in the background.');
    assert.deepEqual(done.of('agent.answered')[0]?.data.background, ['Serve']);
    assert.equal(done.of('agent.stopped').length, 1);
  });

  it('has what it left behind named, too', async (t) => {
    if (lacksProcesses(t, 'looks at processes of the system')) return;
    const real = realProject(t);
    // Until it runs `sleep`, the child is another copy of the shell.
    const begun = 'until [ "$(ps -o comm= -p $!)" = sleep ]; do :; done';
    const done = await run(real, [shell('a', `sleep 301 & ${begun}; echo done`)]);
    assert.equal(done.agent('a').result, 'done');
    const [stopped] = done.of('agent.stopped', 'a');
    assert.match(stopped?.data.processes?.join() ?? '', /^sleep 301 \(\d+\)$/);
    assert.deepEqual([stopped?.data.signals.includes('SIGTERM'), stopped?.data.survivors], [true, 0]);
  });
});
