import { mayBeAlive, type ProcessIdentity, sight } from '../tree/identity.ts';
import { atNextBeat } from './beat.ts';
import type { Bell } from './first-of.ts';

const pollMs = 200;
/** After this many polls, check that no other process has received the pid. */
const pollsPerCheck = 5;
const checksAfterHint = 20;
const closePollMs = 5;

/**
 * Settles when a process that is not a child of this one has ended. The system sends no event for that.
 * @param hint rings when the process is probably about to end; it is then polled at short intervals for a moment
 */
export async function processEnd(identity: ProcessIdentity, hint: Bell): Promise<void> {
  let close = 0;
  let wake = (): void => {};
  // Listens again only after each ring: every waiter added to a pending promise stays in memory until it settles.
  function listen(): void {
    void hint.next().then(() => {
      close = checksAfterHint;
      wake();
      listen();
    });
  }
  listen();
  for (let polls = 1; ; polls++) {
    if (!mayBeAlive(identity.pid)) return;
    if ((close > 0 || polls % pollsPerCheck === 0) && !(await seemsAlive(identity))) return;
    await new Promise<void>((resolve) => {
      if (close-- > 0) setTimeout(resolve, closePollMs);
      else {
        const cancel = atNextBeat(pollMs, resolve);
        wake = () => {
          cancel();
          resolve();
        };
      }
    });
  }
}

async function seemsAlive(identity: ProcessIdentity): Promise<boolean> {
  try {
    return (await sight(identity)) !== 'gone';
  } catch {
    // The check itself failed (no file descriptor, no process for `ps`), which proves nothing. Ask again.
    return true;
  }
}
