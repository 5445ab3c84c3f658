import type { InputProblem } from './parse-input.ts';

type Path = readonly PropertyKey[];

/** A plan without its wrong values, so that the rest of it can be checked too. */
interface Salvaged {
  readonly value: unknown;
  readonly leftOut: readonly Path[];
}

type Json = Record<PropertyKey, unknown>;

/** Stands where a required text is missing. */
const filler = 'missing';

/** Leaves out the keys of the plan, and of its agents, under which something is wrong. */
export function salvage(plan: unknown, problems: readonly InputProblem[]): Salvaged {
  const value: Json = isObject(plan) ? { ...plan } : {};
  const { agents: written } = value;
  const agents: Json[] = Array.isArray(written)
    ? written.map((agent) => (isObject(agent) ? { ...agent } : {}))
    : [];
  const leftOut: Path[] = [];
  for (const { path, meant } of problems) {
    const [top = 'agents', index, key] = path;
    const agent = top === 'agents' && typeof index === 'number' ? agents[index] : undefined;
    if (agent === undefined) {
      delete value[top];
      leftOut.push([top], ...(meant === undefined ? [] : [[meant]]));
    } else {
      if (key !== undefined) delete agent[key];
      leftOut.push(['agents', index as number, key ?? '*']);
      if (meant !== undefined) leftOut.push(['agents', index as number, meant]);
    }
  }
  const isListed = Array.isArray(value.agents);
  return {
    value: {
      ...value,
      objective: value.objective ?? filler,
      ...(isListed ? { agents: agents.map(filled) } : {}),
    },
    leftOut,
  };
}

function filled(agent: Json): Json {
  const role = { name: 'unknown_role', description: filler };
  return { ...agent, role: agent.role ?? role, task: agent.task ?? filler };
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
