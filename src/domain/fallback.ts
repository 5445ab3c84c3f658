import type { Agent } from './agent.ts';
import type { BackendChoice } from './backend-choice.ts';

/** Where an agent goes on, and since when its provider is known to refuse it elsewhere. */
export interface Fallback extends Pick<Agent, 'backend' | 'model' | 'backends'> {
  /** Not to be started there before; null: at once. */
  readonly notBefore: string | null;
}

/**
 * Where an agent goes on whose provider has refused it: on the first of its backends that nothing is known against, else
 * on the one that is expected to answer first. Null: it stays where it is, and waits.
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
 * Where an agent that is to be started goes instead, as the provider of its backend refuses another agent.
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
