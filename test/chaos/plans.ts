import { fileURLToPath } from 'node:url';
import { failurePolicies, strategies } from '../../src/domain/session.ts';
import type { Dice } from './dice.ts';

const worker = fileURLToPath(new URL('fixtures/worker.sh', import.meta.url));

/** A plan as `maos run` and the tool orchestrate take it. */
export type PlanFile = Readonly<Record<string, unknown>>;

/** A team of one to eight workers; most of them end well. */
export function randomPlan(dice: Dice, ledger: string): PlanFile {
  const count = dice.between(1, 8);
  const strategy = dice.pick(strategies);
  const agents = Array.from({ length: count }, (_, index) => ({
    name: `w${index}`,
    role: dice.pick(['tester', 'reviewer', 'documenter']),
    task: 'Work a while.',
    backend: 'command',
    command: [
      '/bin/sh',
      worker,
      ledger,
      String(dice.between(0, 20)),
      dice.chance(0.88) ? '0' : '3',
      dice.weighted({ none: 6, child: 2, stray: 2, deaf: 1 }),
    ],
    depends_on: strategy === 'pipeline' ? [] : upstreams(dice, index),
    workspace: dice.pick(['project', 'own']),
  }));
  return {
    objective: 'Survive.',
    strategy,
    failure_policy: dice.chance(0.75) ? failurePolicies[0] : failurePolicies[1],
    on_exit: dice.pick(['stop', 'keep']),
    ...(dice.chance(0.3) ? { max_concurrency: dice.between(1, 3) } : {}),
    agents,
  };
}

function upstreams(dice: Dice, index: number): readonly string[] {
  const chosen = new Set<string>();
  for (let edges = dice.between(0, Math.min(2, index)); edges > 0; edges--) {
    chosen.add(`w${dice.between(0, index - 1)}`);
  }
  return [...chosen];
}

/** The exit status the plan gives an agent, from its command as it is stored. */
export function plannedStatus(command: string): number {
  return Number((JSON.parse(command) as readonly string[])[4]);
}
