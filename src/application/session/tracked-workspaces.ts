import type { Workspaces } from '../ports/workspaces.ts';

/** Workspaces whose use is over only when everything that was begun in them is. */
export interface TrackedWorkspaces {
  readonly workspaces: Workspaces;
  /** Settles when nothing is going on, also of what nobody waits for any more. */
  idle(): Promise<void>;
}

/** Otherwise the next owner, or a removal, could meet what is still going on. */
export function trackWorkspaces(untracked: Workspaces): TrackedWorkspaces {
  const going = new Set<Promise<void>>();
  const track = <T>(work: Promise<T>): Promise<T> => {
    const ended = (): void => void going.delete(over);
    const over: Promise<void> = work.then(ended, ended);
    going.add(over);
    return work;
  };
  const workspaces = new Proxy(untracked, {
    get: (target, name: keyof Workspaces) => {
      const method = target[name] as (...args: unknown[]) => Promise<unknown>;
      return (...args: unknown[]) => track(method(...args));
    },
  });
  const idle = async (): Promise<void> => {
    while (going.size > 0) {
      await Promise.all(going);
      // One step may lead to the next.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { workspaces, idle };
}
