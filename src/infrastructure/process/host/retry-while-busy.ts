import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 50;
const patienceMs = 10_000;

/**
 * Repeats an action that failed for lack of file descriptors, for up to ten seconds. The shortage is temporary, and its
 * errors must not be mistaken for facts: an exit record that cannot be opened now does not mean that the agent is lost.
 */
export async function retryWhileBusy<T>(action: () => Promise<T>): Promise<T> {
  const until = performance.now() + patienceMs;
  for (;;) {
    try {
      return await action();
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if ((code !== 'EMFILE' && code !== 'ENFILE') || performance.now() > until) throw error;
      await sleep(pauseMs);
    }
  }
}
