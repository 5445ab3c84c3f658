import type { Agent } from './agent.ts';
import type { BackendChoice } from './backend-choice.ts';

/** The backend an agent continues on, and its backends that are known to refuse it. */
export interface Fallback extends Pick<Agent, 'backend' | 'model' | 'backends'> {
  /** Not to be started there before; null: at once. */
  readonly notBefore: string | null;
}

/**
 * The backend on which an agent continues after its provider refused it: the first of its backends without a known
 * refusal, else the one that is expected to answer first. Null: the agent waits for its present backend.
 * @param until when its provider is expected to answer again
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
 * @param held until when which backends are held back
 */
export function fallbackFrom(agent: Agent, held: ReadonlyMap<string, string>): Fallback | null {
  if (!held.has(agent.backend)) return null;
  const next = agent.backends?.find(({ backend }) => !held.has(backend));
  if (next === undefined) return null;
  return { backend: next.backend, model: next.model, backends: agent.backends, notBefore: null };
}

/** Which of its backends refuse an agent that runs on another one; null: none. */
export function fallbackText({ backend, backends }: Agent): string | null {
  const refused = (backends ?? []).filter((choice) => choice.until !== null && choice.backend !== backend);
  if (refused.length === 0) return null;
  return `fell back from ${refused.map((choice) => `${choice.backend} (refused until ${choice.until})`).join(', ')}`;
}

function isFree({ until }: BackendChoice, now: string): boolean {
  return until === null || until <= now;
}
