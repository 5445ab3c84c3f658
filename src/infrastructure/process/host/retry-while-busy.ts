import { setTimeout as sleep } from 'node:timers/promises';

const pauseMs = 50;
const patienceMs = 10_000;

/**
 * Repeats what failed for want of file descriptors, for up to ten seconds. That shortage passes, and its victims
 * would otherwise be taken for facts: an agent's record that cannot be opened now is no agent that got lost.
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
