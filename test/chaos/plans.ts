import { fileURLToPath } from 'node:url';
import { failurePolicies, strategies } from '../../src/domain/session.ts';
import type { SeededRandom } from './dice.ts';

const worker = fileURLToPath(new URL('fixtures/worker.sh', import.meta.url));

/** A plan for `maos run` and for the tool orchestrate. */
export type PlanFile = Readonly<Record<string, unknown>>;

/** A team of one to eight workers, most of which succeed. */
export function randomPlan(dice: SeededRandom, ledger: string): PlanFile {
  const count = dice.between(1, 8);
  const strategy = dice.pick(strategies);
  const agents = Array.from({ length: count }, (_, index) => ({
    name: `w${index}`,
    role: dice.pick(['tester', 'reviewer', 'documenter']),
    ...work(dice, ledger),
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

/** A program, or a fake Claude Code with strange output. */
function work(dice: SeededRandom, ledger: string): Readonly<Record<string, unknown>> {
  const steps = String(dice.between(0, 20));
  const status = dice.chance(0.88) ? '0' : '3';
  const company = dice.weighted(companies);
  if (dice.chance(0.6)) {
    const command = ['/bin/sh', worker, ledger, steps, status, company];
    return { task: 'Work a while.', backend: 'command', command };
  }
  return { task: `work ${ledger} ${steps} ${status} ${company} ${dice.weighted(moods)}`, backend: 'claude' };
}

/** What agents do besides their work; see fixtures/company.sh. */
const companies = {
  none: 8,
  child: 2,
  stray: 2,
  deaf: 1,
  daemon: 2,
  reopens: 2,
  flood: 1,
  hole: 1,
  deep: 1,
  names: 1,
} as const;

/** The CLI's misleading output; see fixtures/claude.sh. */
const moods = { plain: 2, fractions: 2, absurd: 2, words: 2, noise: 2, late: 1, refused: 1 } as const;

function upstreams(dice: SeededRandom, index: number): readonly string[] {
  const chosen = new Set<string>();
  for (let edges = dice.between(0, Math.min(2, index)); edges > 0; edges--) {
    chosen.add(`w${dice.between(0, index - 1)}`);
  }
  return [...chosen];
}

/** The exit status that the plan gives an agent, from its stored command or else its task. */
export function plannedStatus({
  command,
  task,
}: {
  readonly command: string | null;
  readonly task: string;
}): number {
  const words = command === null ? task.split(' ') : (JSON.parse(command) as readonly string[]);
  return Number(words[command === null ? 3 : 4]);
}
