import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentEnd, ResourceSample, RunningAgent } from '../../../src/application/ports/agent-host.ts';
import { AgentRun, type RunEnd } from '../../../src/application/session/agent-run.ts';
import { BudgetWatch } from '../../../src/application/session/budget-watch.ts';
import { LimitsWatch } from '../../../src/application/session/limits-watch.ts';
import { SessionHistory } from '../../../src/application/session/session-history.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import type { RecordedEvent } from '../../../src/domain/events.ts';
import type { Workflow } from '../../../src/domain/workflow.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { makeAwakeTime } from '../../../src/infrastructure/clock.ts';
import { agentRequest, created, planRequest } from '../../domain/samples.ts';
import { fc } from '../../helpers/properties.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

const minuteMs = 60_000;
const hourMs = 60 * minuteMs;
const idle: ResourceSample = { cpuMs: 5, memoryBytes: 1_000, processes: 1, outputBytes: 0 };

/** Uses no CPU and prints nothing, with exact times, as no real process does. */
class IdleProcess implements RunningAgent {
  readonly location = { kind: 'test', label: 'no process', data: {} };
  readonly takesInput = false;
  readonly isCaughtUp = () => true;
  readonly ended = new Promise<AgentEnd>(() => {});
  stops = 0;

  async stop() {
    this.stops++;
    return { signals: ['SIGTERM'], survivors: 0, tookMs: 1 };
  }
  async suspend(): Promise<void> {}
  async resume(): Promise<void> {}
  async send(): Promise<void> {}
  async closeInput(): Promise<void> {}
  async sample(): Promise<ResourceSample> {
    return { ...idle };
  }
  async memory(): Promise<number> {
    return idle.memoryBytes;
  }
}

/** An agent that has just started, supervised as by its session. */
function begun(clock: TestClock, stallMs: number | null) {
  const callbacks = {
    clock,
    graceMs: 500,
    afterResultMs: null,
    refusedMs: null,
    maxSubagents: null,
    isOwner: () => true,
    maxOutputBytes: null,
    withdraw: () => {},
    ended: (_: RunEnd) => {},
    news: () => {},
    changed: () => {},
    trouble: (message: string) => assert.fail(message),
  };
  const agent = { ...sampleAgent, timeoutMs: hourMs, startedAt: clock.now() };
  const run = new AgentRun(agent, makeCommandBackend(), callbacks);
  const process = new IdleProcess();
  run.begin(process);
  const log = { log: (_: string, message: string) => assert.fail(message) };
  const watch = new LimitsWatch(
    { limits: { stallMs, maxOutputBytes: null }, clock, log },
    new Map([[agent.id, run]]),
  );
  watch.watch();
  return { run, process, watch };
}

/** Changes of the machine's clock while an agent runs: it is set, or advances while the machine sleeps. */
const jumps = fc.array(
  fc.record({
    atMs: fc.integer({ min: 0, max: hourMs - 1 }),
    byMs: fc.integer({ min: -48 * hourMs, max: 48 * hourMs }),
  }),
  { maxLength: 6 },
);

async function passWith(
  clock: TestClock,
  ms: number,
  moves: readonly { readonly atMs: number; readonly byMs: number }[],
): Promise<void> {
  let passed = 0;
  for (const { atMs, byMs } of moves.toSorted((a, b) => a.atMs - b.atMs)) {
    const at = Math.min(atMs, ms);
    await clock.pass(at - passed);
    clock.jump(byMs);
    passed = at;
  }
  await clock.pass(ms - passed);
}

describe('time that is limited', () => {
  it('is what an agent runs, whatever the clock of the machine does', async () => {
    await fc.assert(
      fc.asyncProperty(jumps, async (moves) => {
        const clock = new TestClock();
        const { run, process, watch } = begun(clock, null);
        watch.stop();
        await passWith(clock, hourMs - 1, moves);
        assert.deepEqual([process.stops, run.ranMs()], [0, hourMs - 1]);
        await clock.pass(1);
        assert.equal(process.stops, 1);
      }),
      { numRuns: 40 },
    );
  });

  it('is what it stands idle, whatever the clock of the machine does', async () => {
    await fc.assert(
      fc.asyncProperty(jumps, async (moves) => {
        const clock = new TestClock();
        const { process, watch } = begun(clock, 10 * minuteMs);
        await passWith(clock, 10 * minuteMs - 1, moves);
        assert.equal(process.stops, 0);
        await clock.pass(10_000);
        assert.equal(process.stops, 1);
        watch.stop();
      }),
      { numRuns: 10 },
    );
  });

  it('is none of what it stood still', async () => {
    await fc.assert(
      fc.asyncProperty(jumps, async (moves) => {
        const clock = new TestClock();
        const { run, process, watch } = begun(clock, null);
        watch.stop();
        await clock.pass(1_000);
        run.suspend();
        await passWith(clock, 2 * hourMs, moves);
        run.resume();
        assert.equal(run.ranMs(), 1_000);
        await clock.pass(hourMs - 1_001);
        assert.equal(process.stops, 0);
        await clock.pass(1);
        assert.equal(process.stops, 1);
      }),
      { numRuns: 40 },
    );
  });

  it('of an agent taken over is never all used up by what the clock of the machine says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.integer({ min: -48 * hourMs, max: 48 * hourMs }), async (byMs) => {
        const clock = new TestClock();
        const agent = { ...sampleAgent, timeoutMs: hourMs, startedAt: clock.now() };
        clock.jump(byMs);
        const run = new AgentRun(agent, makeCommandBackend(), {
          clock,
          graceMs: 500,
          afterResultMs: null,
          refusedMs: null,
          maxSubagents: null,
          isOwner: () => true,
          maxOutputBytes: null,
          withdraw: () => {},
          ended: () => {},
          news: () => {},
          changed: () => {},
          trouble: () => {},
        });
        const process = new IdleProcess();
        run.begin(process);
        await clock.pass(hourMs / 10 - 1);
        assert.equal(process.stops, 0);
        await clock.pass(hourMs);
        assert.equal(process.stops, 1);
      }),
      { numRuns: 40 },
    );
  });

  it('of a session is what it runs, without its pauses', async () => {
    await fc.assert(
      fc.asyncProperty(jumps, jumps, async (first, second) => {
        const clock = new TestClock();
        const workflow = session({ ...noBudget, maxWallMs: 2 * hourMs });
        const { id } = workflow.session;
        const events: RecordedEvent[] = [];
        const history = new SessionHistory();
        const budgets = new BudgetWatch(history);
        const note = (type: 'session.started' | 'session.resumed' | 'session.paused'): void => {
          // Only the times of these events matter.
          const event = { type, at: clock.now(), seq: events.length + 1, agentId: null, data: {} };
          events.push(event as unknown as RecordedEvent);
          history.read({ events: (_, after) => events.slice(after) }, id);
          history.watch(clock, workflow.session.budget.maxWallMs);
        };
        const spent = (): string | null => budgets.check(workflow, new Map(), clock.now()).sessionSpent;
        note('session.started');
        await passWith(clock, hourMs, first);
        note('session.paused');
        const ranMs = history.ranMs(clock.now());
        await passWith(clock, 3 * hourMs, second);
        assert.equal(history.ranMs(clock.now()), ranMs);
        note('session.resumed');
        await passWith(clock, hourMs - 1, second);
        assert.deepEqual([ranMs, spent()], [hourMs, null]);
        await clock.pass(2);
        assert.match(spent() ?? '', /running time/);
      }),
      { numRuns: 20 },
    );
  });
});

describe('a look that comes late', () => {
  it('does not take an agent for idle that was frozen together with MAOS', async () => {
    const clock = new TestClock();
    const { process, watch } = begun(clock, 10 * minuteMs);
    await clock.pass(minuteMs);
    clock.freeze(25 * minuteMs);
    await clock.pass(minuteMs);
    assert.equal(process.stops, 0);
    await clock.pass(9 * minuteMs);
    assert.equal(process.stops, 1);
    watch.stop();
  });

  it('adds little where the clock goes on in sleep', () => {
    let now = 0;
    let look = (): unknown => 0;
    const elapsedMs = makeAwakeTime(
      () => now,
      (_, given) => {
        look = given;
      },
    );
    for (let step = 0; step < 10; step++) {
      now += 2_000;
      look();
    }
    assert.equal(elapsedMs(), 20_000);
    now += 8 * hourMs;
    assert.equal(elapsedMs(), 30_000);
    now += 500;
    assert.equal(elapsedMs(), 30_500);
  });
});

function session(budget: Workflow['session']['budget']): Workflow {
  return created(planRequest([agentRequest()], { budget })).next;
}
