import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { requestPause, requestResume, requestRetry } from '../../../src/application/control/control.ts';
import { liveStatusOf, sessionRanMs } from '../../../src/application/queries/live-status.ts';
import type { MaosError } from '../../../src/domain/errors.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import { factsOf } from '../../../src/presentation/cli/facts/session-facts.ts';
import { renderLive } from '../../../src/presentation/cli/render/live-block.ts';
import { renderReport } from '../../../src/presentation/cli/render/session-report.ts';
import { agentStatusAnswer } from '../../../src/presentation/contracts/session-answers.ts';
import { agentView, namesOf, summaryView, workflowView } from '../../../src/presentation/contracts/views.ts';
import { Gate } from '../../helpers/gate.ts';
import {
  eventOf,
  outcome,
  type RealProject,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';
import { until } from '../../helpers/waiting.ts';

const minuteMs = 60_000;
const dayMs = 24 * 60 * minuteMs;
const canvas = { width: 200, paint: (_: string, text: string) => text } as never;

/** All durations that the views show for the session and its only agent, in whole minutes. */
function shown(real: RealProject, id: SessionId) {
  const { project } = real;
  const now = Date.parse(project.clock.now());
  const workflow = project.store.load(id);
  const [agent = assert.fail()] = workflow.agents;
  const liveStatus = liveStatusOf(project.store, workflow, now);
  const json = JSON.parse(JSON.stringify(workflowView(workflow, liveStatus)));
  const summary = project.store.summary(id);
  const ranMs = sessionRanMs(project.store, summary.session, now);
  const listed = JSON.parse(JSON.stringify(summaryView(summary, ranMs)));
  const around = { session: workflow.session, names: namesOf(workflow.agents), liveStatus };
  const answer = agentStatusAnswer(agentView(agent, around), 100);
  const report = renderReport(factsOf({ project, id }), canvas);
  const live = renderLive(
    { workflow, activities: new Map(), now, frame: 0 },
    { columns: 200, rows: 20 },
    (_, text) => text,
  );
  return {
    session: minutes(json.budget.wall_ms.spent),
    agent: minutes(json.agents[0].budget.wall_ms.spent),
    listed: minutes(listed.budget.wall_ms.spent),
    answer: Number(/^minutes (-?\d+)/.exec(answer.budget ?? '')?.[1]),
    report: firstTime(report[0]),
    reportedAgent: firstTime(report.find((line) => line.includes(' tester '))),
    live: firstTime(live[0]),
    liveAgent: firstTime(live.find((line) => line.includes(' tester '))),
  };
}

const minutes = (ms: number): number => Math.floor(ms / minuteMs);

/** The first duration in a text for people, such as '5m 02s'. */
function firstTime(line = ''): string | undefined {
  return /-?\d[\d.]*(?:m|h|d|s)\b/.exec(line.replace(/sess_\w+|agent_\w+/g, ''))?.[0];
}

function all(of: number): ReturnType<typeof shown> {
  const text = `${of}m`;
  const texts = { report: text, reportedAgent: text, live: text, liveAgent: text };
  return { session: of, agent: of, listed: of, answer: of, ...texts };
}

/** Long intervals, because every heartbeat writes to the disk, and minutes pass in these tests. */
const timing = { heartbeatMs: 20_000, leaseTtlMs: 150_000, lookMs: 20_000 };

/** Two MAOS of one project: one runs the sessions, the other one watches. */
function pair(t: TestContext) {
  const clock = new SteeredClock();
  const real = realProject(t, { clock, timing });
  const other = realProject(t, { clock, timing, home: real.home, root: real.root });
  return { clock, real, other };
}

for (const [what, jumpMs] of [
  ['set forwards by a year', 365 * dayMs],
  ['set back by a day', -dayMs],
  ['going on while the machine sleeps for a night', dayMs / 3],
] as const) {
  describe(`durations under a clock that is ${what}`, () => {
    it('are what was measured, in every view, of any process, while agents run and after', async (t) => {
      const { clock, real, other } = pair(t);
      const gate = new Gate(real.root, 'go');
      const budget = { max_minutes: 50 };
      const id = await start(real, [shell('a', gate.wait, { budget })], { budget: { max_minutes: 60 } });
      await eventOf(real, id, 'agent.spawned', 'a');
      await clock.pass(3 * minuteMs);
      assert.deepEqual(shown(other, id), all(3));
      clock.offsetMs = jumpMs;
      await clock.pass(2 * minuteMs);
      await until(
        () => shown(other, id).report === '5m',
        () => JSON.stringify(shown(other, id)),
      );
      assert.deepEqual(shown(other, id), all(5));
      gate.openNow();
      const ended = await settled(real, id);
      await clock.pass(10 * minuteMs);
      assert.deepEqual(shown(other, id), all(5));
      assert.equal(minutes(ended.of('agent.completed', 'a')[0]?.data.durationMs ?? 0), 5);
    });

    it('count no jump of an agent that ends with it', async (t) => {
      const { clock, real, other } = pair(t);
      const gate = new Gate(real.root, 'go');
      const budget = { max_minutes: 50 };
      const id = await start(real, [shell('a', gate.wait, { budget })], { budget: { max_minutes: 60 } });
      await eventOf(real, id, 'agent.spawned', 'a');
      await clock.pass(3 * minuteMs);
      clock.offsetMs = jumpMs;
      gate.openNow();
      await settled(real, id);
      assert.deepEqual(shown(other, id), all(3));
    });

    it('decide whether a retry has time left', async (t) => {
      const { clock, real, other } = pair(t);
      const gate = new Gate(real.root, 'go');
      const failing = shell('a', `${gate.wait}; exit 1`);
      const id = await start(real, [failing], { budget: { max_minutes: 10 } });
      await eventOf(real, id, 'agent.spawned', 'a');
      await clock.pass(4 * minuteMs);
      clock.offsetMs = jumpMs;
      await clock.pass(2 * minuteMs);
      gate.openNow();
      assert.equal((await settled(real, id)).state, 'failed');
      await requestRetry(other.project, other.supervisor, id, null, 'test', 'There is time left.');
      assert.equal((await settled(other, id)).of('agent.started', 'a').length, 2);
    });

    it('decide that a retry has no time left, and say what was measured', async (t) => {
      const { clock, real, other } = pair(t);
      const id = await start(real, [shell('a', 'sleep 300')], { budget: { max_minutes: 10 } });
      await eventOf(real, id, 'agent.spawned', 'a');
      await clock.pass(4 * minuteMs);
      clock.offsetMs = jumpMs;
      await clock.passUntil(() => outcome(real, id).state === 'failed', 10_000);
      await settled(real, id);
      const retry = requestRetry(other.project, other.supervisor, id, null, 'test', 'Again.');
      await assert.rejects(retry, (error: MaosError) => {
        const measured = Number(error.details.spent) / 1_000;
        // Its time advances until the end is stored, but does not include the jump of a day.
        return measured >= 600 && measured < 3_600;
      });
    });
  });
}

describe('durations under several owners and pauses', () => {
  it('count the time between owners as the clock has it, and none where that was set back', async (t) => {
    for (const [jumpMs, betweenMinutes] of [
      [10 * minuteMs, 10],
      [-dayMs, 0],
    ] as const) {
      const { clock, real, other } = pair(t);
      const gate = new Gate(real.root, 'go');
      const budget = { max_minutes: 50 };
      const id = await start(real, [shell('a', gate.wait, { budget })], { budget: { max_minutes: 60 } });
      await eventOf(real, id, 'agent.spawned', 'a');
      await clock.pass(3 * minuteMs);
      await until(() => real.project.store.events(id, 0, 100).some(({ type }) => type === 'agent.spawned'));
      await real.supervisor.releaseAll();
      clock.offsetMs = jumpMs;
      assert.ok(await other.supervisor.takeOver(id));
      await eventOf(other, id, 'session.taken_over');
      await clock.pass(2 * minuteMs);
      gate.openNow();
      const ended = await settled(other, id);
      const { session, agent } = shown(real, id);
      // The time between the last event and the new owner is unknown if the clock was set back.
      const atLeast = betweenMinutes === 0 ? 2 : 15;
      for (const ran of [session, agent])
        assert.ok(atLeast <= ran && ran <= 5 + betweenMinutes, `${ran} min`);
      assert.equal(ended.state, 'completed');
    }
  });

  it('leave out what stood still, also where the clock moved meanwhile', async (t) => {
    const { clock, real, other } = pair(t);
    const gate = new Gate(real.root, 'go');
    const budget = { max_minutes: 50 };
    const id = await start(real, [shell('a', gate.wait, { budget })], { budget: { max_minutes: 60 } });
    await eventOf(real, id, 'agent.spawned', 'a');
    await clock.pass(2 * minuteMs);
    await requestPause(real.project, real.supervisor, id, 'test', 'A break.');
    await settled(other, id);
    await clock.pass(20 * minuteMs);
    clock.offsetMs = dayMs;
    await requestResume(real.project, real.supervisor, id, 'test', 'Back.');
    await eventOf(real, id, 'agent.continued', 'a');
    await clock.pass(minuteMs);
    assert.deepEqual([shown(other, id).session, shown(other, id).agent], [3, 3]);
    gate.openNow();
    const ended = await settled(real, id);
    assert.equal(minutes(ended.of('agent.completed', 'a')[0]?.data.durationMs ?? 0), 3);
    const { session, agent, reportedAgent, report } = shown(other, id);
    assert.deepEqual([session, agent, reportedAgent, report], [3, 3, '3m', '23m']);
  });
});

describe('durations of sessions that recorded none', () => {
  it('are those of the clock, and never below zero', async (t) => {
    const { clock, real, other } = pair(t);
    const gate = new Gate(real.root, 'go');
    const budget = { max_minutes: 50 };
    const id = await start(real, [shell('a', gate.wait, { budget })], { budget: { max_minutes: 60 } });
    await eventOf(real, id, 'agent.spawned', 'a');
    clock.offsetMs = -dayMs;
    // No MAOS has checked since.
    const { report, reportedAgent, live, liveAgent, ...counted } = shown(other, id);
    assert.deepEqual(counted, { session: 0, agent: 0, listed: 0, answer: 0 });
    for (const text of [report, reportedAgent, live, liveAgent]) assert.match(text ?? '', /^0/);
    clock.offsetMs = 0;
    gate.openNow();
    await settled(real, id);
  });
});
