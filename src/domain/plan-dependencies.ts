import { startOf } from './cut-text.ts';
import { quote } from './errors.ts';
import { nearest } from './nearest.ts';
import { sourcesOfNames } from './plan-names.ts';
import { invalidPlan, type PlanProblem } from './plan-problem.ts';
import type { Strategy } from './session.ts';
import { dependenciesUnder, findCycle } from './strategies.ts';

/** What the agents of a plan are ordered by. */
interface Unordered {
  readonly strategy: Strategy;
  readonly agents: readonly { readonly dependsOn: readonly string[]; readonly stage: number | null }[];
  /** Alternative names for dependencies. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** The order of a plan's agents, and what is wrong with what they say about it. */
export interface PlanOrder {
  /** For each agent, the indexes of those that it depends on; acyclic if there are no problems. */
  readonly dependencies: readonly (readonly number[])[];
  readonly problems: readonly PlanProblem[];
}

export function orderOf(request: Unordered, names: readonly string[]): PlanOrder {
  const problems: PlanProblem[] = [];
  const indexes = new Map(names.map((name, index) => [name, index]));
  const indexOf = (reference: string): number | undefined => {
    const alias = Object.hasOwn(request.aliases, reference) ? request.aliases[reference] : undefined;
    return indexes.get(reference) ?? (alias === undefined ? undefined : indexes.get(alias));
  };
  /** By agent: the position in its `depends_on` of each agent that it names. */
  const said = request.agents.map((agent, index) => {
    const places = new Map<number, number>();
    for (const [place, reference] of agent.dependsOn.entries()) {
      const upstream = indexOf(reference);
      const path = ['agents', index, 'depends_on', place];
      if (upstream === undefined) problems.push(unknownReference(reference, index, names, path));
      else if (upstream === index) problems.push(onItself(reference, names[index] as string, path));
      else if (!places.has(upstream)) places.set(upstream, place);
    }
    return places;
  });
  const nodes = request.agents.map(({ stage }, index) => ({
    ...{ index, name: names[index] as string, stage: stage ?? index },
    dependsOn: [...(said[index] as ReadonlyMap<number, number>).keys()],
  }));
  const dependencies = dependenciesUnder(request.strategy, nodes);
  const cycle = findCycle(dependencies);
  if (cycle !== null) problems.push(cycleProblem(request, names, cycle, said));
  return { dependencies, problems };
}

function unknownReference(
  reference: string,
  index: number,
  names: readonly string[],
  path: PlanProblem['path'],
): PlanProblem {
  const agent = names[index] as string;
  const others = names.filter((name) => name !== agent);
  const known = others.slice(0, 20);
  const meant = nearest(reference, others);
  const hint = meant === null ? '' : ` Did you mean ${quote(meant)}?`;
  const list = known.length === 0 ? 'The plan has no other agent.' : `Agents: ${known.join(', ')}.`;
  return invalidPlan(
    `Agent ${quote(agent)} depends on ${quote(reference)}, which is not in this plan.${hint} ${list}`,
    path,
    { agent, reference: startOf(reference, 200), known },
    sourcesOfNames,
  );
}

function onItself(reference: string, agent: string, path: PlanProblem['path']): PlanProblem {
  return invalidPlan(
    `Agent ${quote(agent)} depends on itself: remove ${quote(reference)} from its depends_on.`,
    path,
    { agent },
  );
}

function cycleProblem(
  { strategy }: Unordered,
  names: readonly string[],
  cycle: readonly number[],
  said: readonly ReadonlyMap<number, number>[],
): PlanProblem {
  const path = cycle.map((index) => names[index] as string);
  const adds = strategy === 'sequential' || strategy === 'pipeline';
  const hint = adds ? ` (the strategy '${strategy}' adds its own)` : '';
  return invalidPlan(
    `The plan has a cycle: ${shorten(path).join(' needs ')}. Remove one of these dependencies${hint}.`,
    firstSaidOf(cycle, said),
    { cycle: path },
    sourcesOfNames,
  );
}

/** Where the plan says one of the cycle's dependencies itself; its strategy cannot make a cycle alone. */
function firstSaidOf(
  cycle: readonly number[],
  said: readonly ReadonlyMap<number, number>[],
): PlanProblem['path'] {
  for (const [at, agent] of cycle.slice(0, -1).entries()) {
    const place = said[agent]?.get(cycle[at + 1] as number);
    if (place !== undefined) return ['agents', agent, 'depends_on', place];
  }
  return ['agents'];
}

/** The two ends of a long path, so that a message about it stays readable. */
function shorten(path: readonly string[]): readonly string[] {
  const shown = 6;
  if (path.length <= 2 * shown) return path;
  return [...path.slice(0, shown), `… (${path.length - 2 * shown} more)`, ...path.slice(-shown)];
}
