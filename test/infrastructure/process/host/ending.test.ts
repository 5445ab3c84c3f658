import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { test } from 'node:test';
import { endAgentProcesses } from '../../../../src/infrastructure/process/host/ending.ts';
import { AgentFamily } from '../../../../src/infrastructure/process/tree/agent-processes.ts';
import { type ProcessState, readProcStat } from '../../../../src/infrastructure/process/tree/proc-stat.ts';
import type { ProcessTable } from '../../../../src/infrastructure/process/tree/process-table.ts';

/** A scan without a command line for the agent's only process, as while the kernel ends it. */
function tableWith(pid: number, state: ProcessState, scans: number): ProcessTable {
  const entry = readProcStat(pid);
  assert.ok(entry);
  let left = scans;
  const snapshot: ProcessTable['snapshot'] = async () => ({
    processes: new Map(left-- > 0 ? [[pid, { ...entry, state }]] : []),
    zombies: [],
    tookMs: 0,
    incomplete: false,
    markOf: () => ({ agentId: 'a', attempt: 1 }),
    isDetachedFrom: () => false,
    isWrapperPart: () => false,
    commandOf: () => '',
  });
  return { snapshot, recent: () => snapshot() };
}

const isLinux = process.platform === 'linux';
test('a process that the kernel is ending is awaited, not signalled or counted as left', {
  skip: !isLinux,
}, async (t) => {
  const child = spawn('sleep', ['60']);
  t.after(() => child.kill('SIGKILL'));
  // Longer than the wrapper's readers may take.
  const table = tableWith(child.pid as number, 'exiting', 40);
  const family = new AgentFamily({ agentId: 'a', attempt: 1, wrapper: null }, table, () => true);
  const forceAt = performance.now() + 10_000;
  const report = await endAgentProcesses({
    ...{ family, asks: true, forceAt: () => forceAt, programGone: Promise.resolve() },
    ...{ wrapperGone: Promise.resolve(), hurry: () => new Promise(() => {}) },
  });
  assert.deepEqual({ ...report, tookMs: 0 }, { signals: [], survivors: 0, tookMs: 0, processes: [] });
  assert.equal(child.signalCode, null);
});
