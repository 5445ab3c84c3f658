import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type Assault, assault } from './assaults.ts';
import { checkRecords, type Findings, type Violation } from './checks.ts';
import type { SeededRandom } from './dice.ts';
import { type PlanFile, randomPlan } from './plans.ts';
import { maosAmong } from './processes.ts';
import { readSessions, type StoredSession } from './records.ts';
import { type Launched, pause, type World } from './world.ts';

/** Longer than a lease, a grace period and a slow machine take together. */
const settleWithinMs = 90_000;
const goneWithinMs = 20_000;

export interface RoundReport extends Findings {
  readonly assaults: readonly Assault[];
  readonly resumed: number;
  readonly retried: number;
}

/** Starts MAOS, breaks things while it works, lets it recover, and checks the result. */
export async function playRound(world: World, dice: SeededRandom): Promise<RoundReport> {
  const assaults: Assault[] = [];
  for (const how of dice.pick(openings) ?? []) {
    if (how === 'run') startRun(world, dice);
    else startServer(world, dice);
    await pause(dice.between(0, 150));
  }
  // Usually later: assaults before that matter as well, but there is less to break.
  if (dice.chance(0.8)) await untilFirstAgent(world);
  for (let left = dice.between(1, 6); left > 0; left--) {
    await pause(dice.between(0, 400));
    if (dice.chance(0.2)) startHelp(world, dice);
    for (let tries = 3, done: Assault | null = null; tries > 0 && done === null; tries--) {
      done = await assault(world, dice);
      if (done !== null) assaults.push(done);
    }
  }
  const recovery = await recover(world, dice);
  const leftovers = await leave(world);
  const silence = await askAgain(world);
  const findings = checkRecords(world, assaults);
  return {
    ...findings,
    ...recovery,
    violations: [...recovery.violations, ...leftovers, ...silence, ...findings.violations],
    assaults,
  };
}

const openings: readonly (readonly ('run' | 'serve')[])[] = [
  ['run'],
  ['run'],
  ['serve'],
  ['serve'],
  ['run', 'run'],
  ['run', 'serve'],
  ['serve', 'serve'],
];

async function untilFirstAgent(world: World): Promise<void> {
  const deadline = performance.now() + 5_000;
  while (world.ledgerSize === 0 && performance.now() < deadline) await pause(10);
}

function startRun(world: World, dice: SeededRandom): void {
  const file = join(world.folder, `plan-${world.launched.length}.json`);
  writeFileSync(file, JSON.stringify(randomPlan(dice, world.ledger), null, 2));
  world.start('run', file, '--json');
}

function startServer(world: World, dice: SeededRandom): void {
  const server = world.start('serve');
  const plans = Array.from({ length: dice.between(1, 2) }, () => randomPlan(dice, world.ledger));
  writeFileSync(join(world.folder, `plans-${server.name}.json`), JSON.stringify(plans, null, 2));
  for (const message of conversation(plans)) server.child.stdin?.write(`${JSON.stringify(message)}\n`);
}

/** The messages of a client that runs the plans. */
function conversation(plans: readonly PlanFile[]): readonly object[] {
  const clientInfo = { name: 'chaos', version: '1' };
  const params = { protocolVersion: '2025-06-18', capabilities: {}, clientInfo };
  return [
    { jsonrpc: '2.0', id: 0, method: 'initialize', params },
    { jsonrpc: '2.0', method: 'notifications/initialized' },
    ...plans.map((plan, index) => ({
      jsonrpc: '2.0',
      id: index + 1,
      method: 'tools/call',
      params: { name: 'orchestrate', arguments: plan },
    })),
  ];
}

/** Starts a MAOS process that takes over sessions without an owner. */
function startHelp(world: World, dice: SeededRandom): Launched {
  switch (dice.weighted({ serve: 4, list: 3, supervise: 3 })) {
    case 'serve': {
      const server = world.start('serve');
      for (const message of conversation([])) server.child.stdin?.write(`${JSON.stringify(message)}\n`);
      return server;
    }
    case 'list':
      return world.start('list', '--json');
    case 'supervise':
      return world.start('supervise', '--project', world.project);
  }
}

/** Whether no process has work left for it. An owner that has ended a session still updates its files. */
function isDone({ state, owner }: StoredSession): boolean {
  return /^(completed|failed|cancelled)$/.test(state) && owner === null;
}

/** Lets MAOS bring every session to an end: starts it, resumes paused sessions, and sometimes retries a failed one. */
async function recover(
  world: World,
  dice: SeededRandom,
): Promise<{
  readonly violations: readonly Violation[];
  readonly resumed: number;
  readonly retried: number;
}> {
  const deadline = performance.now() + settleWithinMs;
  const asked = new Map<string, Launched>();
  let help = startHelp(world, dice);
  let [resumed, retried] = [0, 0];
  const retries = new Set<string>();
  for (;;) {
    const sessions = readSessions(world.home);
    const open = sessions.filter((session) => !isDone(session));
    for (const session of open) {
      const earlier = asked.get(session.id);
      if (session.state !== 'paused' || (earlier !== undefined && world.isRunning(earlier))) continue;
      asked.set(session.id, world.start('resume', session.id, '--json'));
      resumed += 1;
    }
    for (const { id } of sessions.filter(({ state }) => state === 'failed')) {
      if (open.length > 0 || retries.has(id)) continue;
      retries.add(id);
      if (!dice.chance(0.3)) continue;
      asked.set(id, world.start('retry', id, '--json'));
      retried += 1;
    }
    const busy = [...asked.values()].filter((each) => world.isRunning(each));
    if (open.length === 0 && busy.length === 0) return { violations: [], resumed, retried };
    if (performance.now() > deadline) {
      const what = open.map(({ id, state, owner, agents }) => {
        const states = agents.map((agent) => `${agent.name} ${agent.state}`).join(', ');
        return `session ${id} is ${state} (owner ${owner}): ${states}`;
      });
      const waiting = busy.map(({ name }) => `maos ${name} does not end`);
      return { violations: [{ kind: 'stuck', what: [...what, ...waiting].join('; ') }], resumed, retried };
    }
    await pause(100);
    if (!world.isRunning(help)) {
      await pause(400);
      if (readSessions(world.home).some((session) => !isDone(session))) help = startHelp(world, dice);
    }
  }
}

/** MAOS must still work after everything, even in a project without sessions. */
async function askAgain(world: World): Promise<readonly Violation[]> {
  const { child, exited, name } = world.start('list', '--json');
  await exited;
  if (child.exitCode === 0) return [];
  const said = readFileSync(join(world.folder, `${name}.stderr`), 'utf8');
  return [{ kind: 'stuck', what: `maos list ended with ${child.exitCode ?? child.signalCode}: ${said}` }];
}

/** Closes every server. Then no process of an agent may be left, and MAOS's own must have ended. */
async function leave(world: World): Promise<readonly Violation[]> {
  for (const { child } of world.launched) child.stdin?.end();
  const deadline = performance.now() + goneWithinMs;
  for (;;) {
    const left = world.processes();
    if (left.length === 0) return [];
    if (performance.now() > deadline) {
      const maos = new Set(maosAmong(left).map(({ pid }) => pid));
      return left.map(({ pid, command, agentId }) => ({
        kind: maos.has(pid) ? 'stuck' : 'orphan',
        what: `process ${pid} of ${agentId ?? 'maos'} is left: ${command.slice(0, 200)}`,
      }));
    }
    await pause(50);
  }
}
