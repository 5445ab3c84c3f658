import type { Workspaces } from '../ports/workspaces.ts';

/** Workspaces that know which of their operations are still running. */
export interface TrackedWorkspaces {
  readonly workspaces: Workspaces;
  /** Settles when no operation is running, abandoned ones included. */
  idle(): Promise<void>;
}

/** The next owner, or a removal, must not meet an operation that is still running. */
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
      // An operation that has ended may start another one.
      await new Promise((resolve) => setImmediate(resolve));
    }
  };
  return { workspaces, idle };
}
