import type { Agent } from './agent.ts';
import type { BackendChoice } from './backend-choice.ts';

/**
 * Names the account that a backend of an agent uses, as far as it is known: agents of this machine share one. Agents of
 * pools come to hosts with accounts of their own, which say themselves when they are refused.
 */
export function accountOf(
  { id, pool, backend }: Pick<Agent, 'id' | 'pool' | 'backend'>,
  of: string = backend,
): string {
  return pool === null ? of : `${of} of ${id}`;
}

/** The backend on which an agent continues, with the known refusals of its backends. */
export interface Fallback extends Pick<Agent, 'backend' | 'model' | 'backends'> {
  /** Must not be started earlier; null: start immediately. */
  readonly notBefore: string | null;
}

/**
 * The backend on which an agent continues after its provider refused it: the first of its backends without a known
 * refusal, otherwise the one that is expected to accept first. Null: the agent waits for its current backend.
 * @param until when its provider is expected to accept again
 */
export function decideFallback(agent: Agent, until: string, now: string): Fallback | null {
  if (agent.backends === null) return null;
  const backends = agent.backends.map((choice) =>
    choice.backend === agent.backend ? { ...choice, until } : choice,
  );
  const free = backends.find((choice) => isFree(choice, now));
  const next = free ?? backends.toSorted((a, b) => (String(a.until) < String(b.until) ? -1 : 1))[0];
  if (next === undefined || next.backend === agent.backend) return null;
  return {
    backend: next.backend,
    model: next.model,
    backends,
    notBefore: free === undefined ? next.until : null,
  };
}

/**
 * The backend on which to start an agent instead, while the provider of its own backend refuses another agent.
 * @param held until when the backend of each account is held back
 */
export function fallbackFrom(agent: Agent, held: ReadonlyMap<string, string>): Fallback | null {
  if (!held.has(accountOf(agent))) return null;
  const next = agent.backends?.find(({ backend }) => !held.has(accountOf(agent, backend)));
  if (next === undefined) return null;
  return { backend: next.backend, model: next.model, backends: agent.backends, notBefore: null };
}

/** For an agent on another backend than its first: which of its backends refuse it; null: none. */
export function fallbackText({ backend, backends }: Agent): string | null {
  const refused = (backends ?? []).filter((choice) => choice.until !== null && choice.backend !== backend);
  if (refused.length === 0) return null;
  return `fell back from ${refused.map((choice) => `${choice.backend} (refused until ${choice.until})`).join(', ')}`;
}

function isFree({ until }: BackendChoice, now: string): boolean {
  return until === null || until <= now;
}
