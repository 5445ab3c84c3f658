import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { suite, test } from 'node:test';
import { endAgentProcesses } from '../../../../src/infrastructure/process/host/ending.ts';
import {
  AgentFamily,
  findAgentProcesses,
} from '../../../../src/infrastructure/process/tree/agent-processes.ts';
import {
  countForks,
  type PidCounts,
  pidsSince,
} from '../../../../src/infrastructure/process/tree/pid-order.ts';
import type { ProcessEntry } from '../../../../src/infrastructure/process/tree/proc-stat.ts';
import {
  type KnownProcesses,
  makeProcessTable,
  type ProcessSnapshot,
  readProcfs,
  readWithPs,
} from '../../../../src/infrastructure/process/tree/process-table.ts';
import { giveTimeTo } from '../../../helpers/waiting.ts';

const readers = {
  readWithPs: () => readWithPs(),
  ...(process.platform === 'linux' ? { readProcfs: () => readProcfs() } : {}),
};

for (const [name, read] of Object.entries(readers)) {
  suite(name, () => {
    test('shows a process, its parent, its group and the agent it belongs to', async (t) => {
      const env = { ...process.env, MAOS_AGENT_ID: 'agent_tester_1_abcdef', LATER: 'x' };
      const child = spawn('sleep', ['60'], { detached: true, env });
      t.after(() => child.kill());
      await once(child, 'spawn');
      const pid = child.pid as number;
      const snapshot = await read();
      const entry = snapshot.processes.get(pid);
      assert.ok(entry !== undefined);
      assert.deepEqual([entry.ppid, entry.pgid, entry.sid], [process.pid, pid, pid]);
      assert.equal(snapshot.markOf(entry)?.agentId, 'agent_tester_1_abcdef');
      assert.equal(snapshot.processes.get(process.pid)?.pid, process.pid);
      assert.ok(entry.start >= (snapshot.processes.get(process.pid)?.start ?? Number.NaN));
    });

    test('takes an attempt that is no number for none', async (t) => {
      const env = { ...process.env, MAOS_AGENT_ID: 'agent_tester_1_abcdef', MAOS_AGENT_ATTEMPT: 'x' };
      const child = spawn('sleep', ['60'], { detached: true, env });
      t.after(() => child.kill());
      await once(child, 'spawn');
      const snapshot = await read();
      const entry = snapshot.processes.get(child.pid as number);
      assert.ok(entry !== undefined);
      assert.deepEqual(snapshot.markOf(entry), { agentId: 'agent_tester_1_abcdef', attempt: null });
    });

    test('takes no argument for the environment', async (t) => {
      const child = spawn('sh', ['-c', 'sleep 60', 'MAOS_AGENT_ID=agent_tester_1_abcdef'], {
        detached: true,
      });
      t.after(() => process.kill(-(child.pid as number), 'SIGKILL'));
      await once(child, 'spawn');
      const snapshot = await read();
      const entry = snapshot.processes.get(child.pid as number);
      assert.ok(entry !== undefined);
      assert.equal(snapshot.markOf(entry), null);
    });
  });
}

const isLinux = process.platform === 'linux';

test('of the processes since one of them, older ones are left out', {
  skip: !isLinux && 'of procfs',
}, async (t) => {
  const forks = countForks();
  const children = [1, 2].map(() => spawn('sleep', ['60']));
  t.after(() => children.map((child) => child.kill()));
  await Promise.all(children.map((child) => once(child, 'spawn')));
  const [first, second] = children.map(({ pid }) => pid as number) as [number, number];
  // Their pids are out of order only if pids wrapped around in between.
  if (second < first) return t.skip('pids have come round');
  const young = await makeProcessTable().snapshot({ pid: first, forks });
  assert.deepEqual(
    [process.pid, first, second].map((pid) => young.processes.has(pid)),
    [false, true, true],
  );
});

test('what was read about a process is not taken for the program that it executes later', {
  skip: !isLinux && 'of procfs',
}, async (t) => {
  const later = 'echo; exec sleep 60';
  const env = { ...process.env, MAOS_AGENT_ID: 'agent_first', LATER: later };
  const line = 'read -r line; MAOS_AGENT_ID=agent_second exec /bin/sh -c "$LATER"';
  const child = spawn('/bin/sh', ['-c', line], { env });
  t.after(() => child.kill('SIGKILL'));
  await once(child, 'spawn');
  const known: KnownProcesses = new Map();
  const agentOf = async (): Promise<string | undefined> => {
    const snapshot = await readProcfs({ known });
    const entry = snapshot.processes.get(child.pid as number);
    return entry === undefined ? undefined : snapshot.markOf(entry)?.agentId;
  };
  await giveTimeTo('become old enough to be remembered', 2_100);
  assert.equal(await agentOf(), 'agent_first');
  assert.ok(known.has(child.pid as number));

  child.stdin.write('\n');
  await once(child.stdout, 'data');

  assert.equal(await agentOf(), 'agent_second');
});

suite('pids given since a process', () => {
  const birth = { pid: 1_000, forks: 50_000 };
  const now = { lastPid: 1_040, threads: 300, forks: 50_040, pidMax: 32_768 };
  const since = (change: Partial<PidCounts>): object => pidsSince(birth, { ...now, ...change });

  test('are between its own and the last, while they have not begun again at the lowest', () => {
    assert.deepEqual(since({}), { first: 1_000, last: 1_040 });
    assert.deepEqual(since({ lastPid: 1_000, forks: 50_001 }), { first: 1_000, last: 1_000 });
    assert.deepEqual(
      since({ lastPid: 1_340 }),
      { first: 1_000, last: 1_340 },
      'those in use are passed over',
    );
  });

  test('can be any once they may have', () => {
    const any = { first: 1, last: Number.POSITIVE_INFINITY };
    assert.deepEqual(since({ lastPid: 999 }), any);
    assert.deepEqual(since({ forks: 50_000 + 32_768, lastPid: 1_010 }), any, 'all the way round');
    assert.deepEqual(since({ lastPid: 2_000 }), any, 'starts that failed have used up pids');
    assert.deepEqual(since({ pidMax: 400 }), any);
    for (const unknown of ['lastPid', 'threads', 'forks', 'pidMax'] as const) {
      assert.deepEqual(since({ [unknown]: Number.NaN }), any, unknown);
    }
    assert.deepEqual(pidsSince({ pid: 1_000, forks: Number.NaN }, now), any);
  });
});

test('those who share a snapshot get all that one of them asks for', async () => {
  const asked: unknown[] = [];
  const table = makeProcessTable(async (since) => {
    asked.push(since);
    return snapshotOf([]);
  });
  const [older, younger] = [
    { pid: 300, forks: 10 },
    { pid: 200, forks: 20 },
  ];
  await Promise.all([table.snapshot(younger), table.snapshot(older), table.snapshot(younger)]);
  await Promise.all([table.snapshot(younger), table.snapshot(), table.snapshot(older)]);
  await table.snapshot(younger);
  assert.deepEqual(asked, [older, null, younger]);
});

test('callers who wait at the same time share a snapshot, later ones get a newer', async () => {
  let taken = 0;
  const table = makeProcessTable(async () => {
    taken++;
    return snapshotOf([]);
  });
  const first = await Promise.all([table.snapshot(), table.snapshot(), table.snapshot()]);
  assert.equal(taken, 1);
  assert.equal(first[0], first[2]);
  assert.notEqual(await table.snapshot(), first[0]);
});

test('who is content with a recent snapshot shares the last one until it is too old', async () => {
  let taken = 0;
  let fails = false;
  const table = makeProcessTable(async () => {
    taken++;
    if (fails) throw new Error('EIO');
    return snapshotOf([]);
  });
  const first = await Promise.all([table.recent(60_000), table.recent(60_000)]);
  assert.equal(await table.recent(60_000), first[0]);
  assert.equal(first[0], first[1]);
  assert.equal(taken, 1);
  await giveTimeTo('make the snapshot older than 1 ms', 5);
  fails = true;
  await assert.rejects(table.recent(1), /EIO/);
  fails = false;
  await table.recent(60_000);
  assert.equal(taken, 3, 'a failure is not kept');
});

test('a failed snapshot does not spoil the next one', async () => {
  let fails = true;
  const table = makeProcessTable(async () => {
    if (fails) throw new Error('EMFILE');
    return snapshotOf([]);
  });
  await assert.rejects(table.snapshot(), /EMFILE/);
  fails = false;
  assert.equal((await table.snapshot()).processes.size, 0);
});

suite('the processes of an agent', () => {
  const pids = (entries: readonly ProcessEntry[]): number[] => entries.map(({ pid }) => pid).sort();

  test('are its session, its group, its marked ones and the descendants of all these', () => {
    const snapshot = snapshotOf([
      { pid: 100_100 },
      { pid: 100_101, ppid: 100_100, sid: 100_100 },
      { pid: 100_102, ppid: 1, pgid: 100_100 },
      { pid: 100_103, ppid: 1, agentId: 'mine' },
      { pid: 100_104, ppid: 100_103, agentId: 'nested' },
      { pid: 100_105, ppid: 1, agentId: 'other' },
      { pid: 100_106, ppid: 1 },
      { pid: process.pid, ppid: 100_103, agentId: 'mine' },
    ]);
    assert.deepEqual(pids(findAgentProcesses(snapshot, mark)), [100_100, 100_101, 100_102, 100_103, 100_104]);
  });

  test('are not the session of a process that has got the pid of a wrapper gone', () => {
    const snapshot = snapshotOf([
      { pid: 100_100, start: 60 },
      { pid: 100_101, ppid: 100_100, sid: 100_100, start: 61 },
      { pid: 100_102, agentId: 'mine', start: 61 },
    ]);
    assert.deepEqual(pids(findAgentProcesses(snapshot, mark)), [100_102]);
  });

  test('are those of its own attempt and what earlier ones left, never those of a later one', () => {
    const snapshot = snapshotOf([
      { pid: 100_101, agentId: 'mine', attempt: 1 },
      { pid: 100_102, agentId: 'mine', attempt: 2 },
      { pid: 100_103, agentId: 'mine', attempt: 3 },
      { pid: 100_104, agentId: 'mine' },
    ]);
    const unseen = { agentId: 'mine', attempt: 2, wrapper: null };
    assert.deepEqual(pids(findAgentProcesses(snapshot, unseen)), [100_101, 100_102, 100_104]);
  });

  test('are those marked, when the wrapper was never seen alive', () => {
    const snapshot = snapshotOf([
      { pid: 100_101, sid: 100_100 },
      { pid: 100_102, agentId: 'mine' },
    ]);
    assert.deepEqual(
      pids(findAgentProcesses(snapshot, { agentId: 'mine', attempt: 2, wrapper: null })),
      [100_102],
    );
  });
});

const mark = { agentId: 'mine', attempt: 2, wrapper: { pid: 100_100, start: 50 } };

test('a pid that another process gets between a look and a signal is not signalled', async (t) => {
  const bystander = spawn('sleep', ['60'], { detached: true });
  t.after(() => bystander.kill());
  await once(bystander, 'spawn');
  const pid = bystander.pid as number;
  const looks = [
    snapshotOf([
      { pid: 100_100, start: 50 },
      { pid, agentId: 'mine', start: 51 },
    ]),
    snapshotOf([
      { pid: 100_100, start: 50 },
      { pid, start: 52 },
    ]),
  ];
  const table = makeProcessTable(async () => looks.shift() ?? snapshotOf([]));
  const family = new AgentFamily(mark, table, () => true);
  const seen = (await family.look()).find((entry) => entry.pid === pid);
  assert.ok(seen !== undefined);
  // Only procfs is fast enough to be read before each signal.
  if (process.platform === 'linux') assert.equal(family.signal(seen, 'SIGKILL'), false);
  assert.deepEqual(pidsOf(await family.look()), [100_100], 'at the next look it is known to be another');
  assert.equal(bystander.exitCode ?? bystander.signalCode, null);
});

test('an agent that another MAOS looks after gets no signal', async (t) => {
  const stray = spawn('sleep', ['60'], { env: { ...process.env, MAOS_AGENT_ID: 'agent_of_another' } });
  t.after(() => stray.kill());
  await once(stray, 'spawn');
  let isOwned = true;
  const unseen = { agentId: 'agent_of_another', attempt: 1, wrapper: null };
  const family = new AgentFamily(unseen, makeProcessTable(), () => isOwned);
  assert.deepEqual(pidsOf(await family.look()), [stray.pid]);
  isOwned = false;
  const gone = Promise.resolve();
  const ways = { programGone: gone, wrapperGone: gone, hurry: () => gone };
  const report = await endAgentProcesses({ family, asks: true, forceAt: () => 0, ...ways });
  assert.deepEqual([report.signals, report.survivors], [[], 1]);
  assert.equal(stray.exitCode ?? stray.signalCode, null);
});

test('what is about to execute a program is not asked to end in place of the program', async (t) => {
  const env = { ...process.env, MAOS_AGENT_ID: 'agent_about_to_execute' };
  // Like a reader of the wrapper, which is still a subshell without a command line at the first scan.
  const reader = spawn('sh', ['-c', "trap '' TERM; echo; exec sleep 60"], { env });
  const program = spawn('sleep', ['60'], { env });
  t.after(() => [reader, program].map((child) => child.kill('SIGKILL')));
  await once(reader.stdout, 'data');
  let looks = 0;
  const table = makeProcessTable(async () => {
    const snapshot = await (process.platform === 'linux' ? readProcfs() : readWithPs());
    const isFirst = looks++ < 2;
    const processes = new Map(snapshot.processes);
    if (isFirst) processes.delete(program.pid as number);
    const commandOf = (entry: ProcessEntry): string => (isFirst ? '' : snapshot.commandOf(entry));
    return { ...snapshot, incomplete: false, processes, commandOf };
  });
  const unseen = { agentId: 'agent_about_to_execute', attempt: 1, wrapper: null };
  const programGone = once(program, 'exit').finally(() => reader.kill('SIGKILL'));
  const wrapperGone = once(reader, 'exit');
  const report = await endAgentProcesses({
    family: new AgentFamily(unseen, table, () => true),
    asks: true,
    forceAt: () => Number.POSITIVE_INFINITY,
    programGone,
    wrapperGone,
    hurry: () => wrapperGone,
  });
  assert.equal(program.signalCode, 'SIGTERM');
  assert.equal(report.survivors, 0);
});

function pidsOf(entries: readonly ProcessEntry[]): number[] {
  return entries.map(({ pid }) => pid);
}

function snapshotOf(
  given: readonly (Partial<ProcessEntry> & { agentId?: string; attempt?: number })[],
): ProcessSnapshot {
  const marks = new Map(
    given.map(({ pid = 0, agentId, attempt = null }) => [
      pid,
      agentId === undefined ? null : { agentId, attempt },
    ]),
  );
  const entries = given.map(({ pid = 0, ppid = 1, pgid = pid, sid = pid, start = 50 }) => {
    return { pid, ppid, pgid, sid, start, state: 'live' as const, cpuMs: 0, memoryBytes: 0, stack: 0 };
  });
  return {
    processes: new Map(entries.map((entry) => [entry.pid, entry])),
    zombies: [],
    tookMs: 0,
    incomplete: false,
    markOf: ({ pid }) => marks.get(pid) ?? null,
    isDetachedFrom: () => false,
    isWrapperPart: () => false,
    commandOf: () => '',
  };
}
