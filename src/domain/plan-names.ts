import type { AgentSpec } from './agent.ts';
import { startOf } from './cut-text.ts';
import { quote } from './errors.ts';
import { invalidPlan, type PlanPath, type PlanProblem } from './plan-problem.ts';
import { sessionCheckOf } from './session-check.ts';

/** Names become folder names and `depends_on` references: letters, digits, `_ . -`, not starting with a dot or dash. */
export const agentNamePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/** What the names of a plan's agents are made of. */
export const sourcesOfNames: readonly PlanPath[] = ['name', 'role', 'instance_suffix'].map((key) => [
  'agents',
  '*',
  key,
]);

/** What an agent is named by. */
interface Unnamed extends Pick<AgentSpec, 'role'> {
  readonly name: string | null;
  readonly instanceSuffix: string | null;
}

function countBy<T>(items: readonly T[], key: (item: T) => string): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const item of items) counts.set(key(item), (counts.get(key(item)) ?? 0) + 1);
  return counts;
}

/** The agent's own name; otherwise its role with the suffix; otherwise its role, numbered if that is ambiguous. */
export function nameAgents(agents: readonly Unnamed[]): readonly string[] {
  const base = (agent: Unnamed): string =>
    agent.name ??
    (agent.instanceSuffix === null ? agent.role.name : `${agent.role.name}_${agent.instanceSuffix}`);
  const unnamed = agents.filter((agent) => agent.name === null);
  const repeats = countBy(unnamed, base);
  const ordinals = new Map<string, number>();
  return agents.map((agent) => {
    const name = base(agent);
    if (agent.name !== null || repeats.get(name) === 1) return name;
    const ordinal = (ordinals.get(name) ?? 0) + 1;
    ordinals.set(name, ordinal);
    return `${name}_${ordinal}`;
  });
}

export function* nameProblems(
  request: Parameters<typeof sessionCheckOf>[0],
  names: readonly string[],
): Generator<PlanProblem> {
  const check = sessionCheckOf(request);
  for (const [index, name] of names.entries()) {
    const path = ['agents', index, 'name'];
    if (!agentNamePattern.test(name)) {
      yield invalidPlan(
        `Agent name ${quote(name)} is not valid: use 1 to 64 letters, digits, '_', '.' or '-', starting with a letter or digit.`,
        path,
        { agent: index, name: startOf(name, 200) },
      );
    }
    const first = names.indexOf(name);
    if (first !== index) {
      yield invalidPlan(
        `Agents ${first + 1} and ${index + 1} are both named ${quote(name)}: give one of them another name.`,
        path,
        { name, agents: [first, index] },
        sourcesOfNames,
      );
    }
    if (first === index && name === check?.name) {
      yield invalidPlan(
        `Agent ${index + 1} is named ${quote(name)}, which is the name of the session's check ("verify" of the plan): give the agent another name.`,
        path,
        { agent: index, name },
      );
    }
  }
}
