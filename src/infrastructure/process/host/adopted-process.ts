import { mayBeAlive, type ProcessIdentity, sight } from '../tree/identity.ts';
import { atNextBeat } from './beat.ts';
import type { Bell } from './first-of.ts';

const pollMs = 200;
/** After this many polls, check that the pid has not been given to another process. */
const pollsPerCheck = 5;
const checksAfterHint = 20;
const closePollMs = 5;

/**
 * Settles when a process that is no child of this one has ended: there is no event for that.
 * @param hint rings when it is probably about to end: then it is looked at closely for a moment
 */
export async function processEnd(identity: ProcessIdentity, hint: Bell): Promise<void> {
  let close = 0;
  let wake = (): void => {};
  // Waiting anew only after a ring: a promise keeps everybody who waits for it until it settles.
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
    // It could not be asked just now (no descriptor, no process for `ps`): that is no sign of its end. Ask again.
    return true;
  }
}
