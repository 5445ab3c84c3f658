import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { AgentEnd, ResourceSample, RunningAgent } from '../../../src/application/ports/agent-host.ts';
import type { Backend } from '../../../src/application/ports/backend.ts';
import { AgentRun } from '../../../src/application/session/agent-run.ts';
import { LimitsWatch } from '../../../src/application/session/limits-watch.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { sampleAgent } from '../../infrastructure/process/sample-agent.ts';

/** A process that prints nothing and constantly uses this share of a processor. */
class TickingProcess implements RunningAgent {
  readonly location = { kind: 'test', label: 'no process', data: {} };
  readonly takesInput = false;
  readonly isCaughtUp = () => true;
  readonly ended = new Promise<AgentEnd>(() => {});
  readonly #clock: TestClock;
  readonly #share: number;

  constructor(clock: TestClock, share: number) {
    this.#clock = clock;
    this.#share = share;
  }

  async stop() {
    return { signals: ['SIGTERM'], survivors: 0, tookMs: 1 };
  }
  async suspend(): Promise<void> {}
  async resume(): Promise<void> {}
  async send(): Promise<void> {}
  async closeInput(): Promise<void> {}
  async sample(): Promise<ResourceSample> {
    const cpuMs = this.#clock.elapsedMs() * this.#share;
    return { cpuMs, memoryBytes: 1, processes: 1, outputBytes: 0 };
  }
  async memory(): Promise<number> {
    return 1;
  }
}

/** Whether a silent agent that uses this share of a processor counts as stalled after two minutes. */
async function isStalled(
  share: number,
  idleCpuShare?: number,
  isAwaiting = false,
  timeoutMs: number | null = 3_600_000,
): Promise<boolean> {
  const clock = new TestClock();
  const backend: Backend = {
    ...makeCommandBackend(),
    ...(idleCpuShare === undefined ? {} : { idleCpuShare }),
  };
  const run = new AgentRun({ ...sampleAgent, timeoutMs }, backend, {
    ...{ clock, graceMs: 500, maxOutputBytes: null, afterResultMs: null, refusedMs: null },
    ...{
      maxSubagents: null,
      isOwner: () => true,
      withdraw: () => {},
      ended: () => {},
      changed: () => {},
      news: () => {},
    },
    trouble: (message, error) => assert.fail(`${message}: ${error}`),
  });
  run.begin(new TickingProcess(clock, share));
  run.isAwaiting = isAwaiting;
  const limits = { stallMs: 60_000, maxOutputBytes: null, afterResultMs: null, maxSubagents: null };
  const log = { log: (...words: readonly unknown[]) => assert.fail(words.join(' ')) };
  const watch = new LimitsWatch({ limits, clock, log }, new Map([[sampleAgent.id, run]]));
  watch.watch();
  await clock.pass(120_000);
  watch.stop();
  return run.stopCause !== null;
}

suite('a silent agent has stalled', () => {
  test('when it uses next to no CPU', async () => {
    assert.equal(await isStalled(0.001), true);
    assert.equal(await isStalled(0.05), false);
  });

  test('when it uses no more than its CLI does while it only waits', async () => {
    assert.equal(await isStalled(0.02), false);
    assert.equal(await isStalled(0.02, 0.03), true);
    assert.equal(await isStalled(0.05, 0.03), false);
  });

  test('but not one that may run as long as it likes', async () => {
    assert.equal(await isStalled(0, undefined, false, null), false);
  });

  test('but not while it waits for an answer', async () => {
    assert.equal(await isStalled(0, undefined, true), false);
  });
});
