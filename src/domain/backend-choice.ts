/** A backend that an agent can run on. */
export interface BackendChoice {
  readonly backend: string;
  readonly model: string | null;
  /** Its provider has refused the agent, until then; null: nothing is known against it. */
  readonly until: string | null;
}

/** What says where an agent runs. */
interface Placed {
  readonly backend: string;
  readonly model: string | null;
  readonly backends: readonly BackendChoice[] | null;
}

/** No refusal by any of the agent's backends is known (any more). */
export function withoutRefusals<T extends Placed>(agent: T): T {
  const { backends } = agent;
  if (backends === null || backends.every(({ until }) => until === null)) return agent;
  return { ...agent, backends: backends.map((choice) => ({ ...choice, until: null })) };
}

/** As the plan has it: on the first of its backends. */
export function onFirstBackend<T extends Placed>(agent: T): T {
  const placed = withoutRefusals(agent);
  const [first] = placed.backends ?? [];
  return first === undefined ? placed : { ...placed, backend: first.backend, model: first.model };
}
