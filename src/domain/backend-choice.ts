/** A backend that an agent can run on. */
export interface BackendChoice {
  readonly backend: string;
  readonly model: string | null;
  /** Until when its provider refuses the agent; null: no refusal is known. */
  readonly until: string | null;
}

/** The fields that determine where an agent runs. */
interface Placed {
  readonly backend: string;
  readonly model: string | null;
  readonly backends: readonly BackendChoice[] | null;
}

/** Forgets known refusals by the agent's backends. */
export function withoutRefusals<T extends Placed>(agent: T): T {
  const { backends } = agent;
  if (backends === null || backends.every(({ until }) => until === null)) return agent;
  return { ...agent, backends: backends.map((choice) => ({ ...choice, until: null })) };
}

/** Moves the agent back to its first backend, as planned. */
export function onFirstBackend<T extends Placed>(agent: T): T {
  const placed = withoutRefusals(agent);
  const [first] = placed.backends ?? [];
  return first === undefined ? placed : { ...placed, backend: first.backend, model: first.model };
}
