import * as z from 'zod';
import { Mailbox } from '../../../application/messaging/mailbox.ts';
import type { Project } from '../../../application/project.ts';
import { agentTool, changesRecords } from './agent-tool.ts';
import { tellWaiting } from './tell-waiting.ts';

const input = z.strictObject({
  wait_seconds: z.int().min(0).max(3_600).default(0).describe('How long to wait for one'),
});

/** The messages themselves are added to the result, as to that of every tool. */
export const readMessages = agentTool({
  name: 'read_messages',
  title: 'Read messages',
  description: 'Returns the messages for you that have not come with another answer.',
  input,
  annotations: changesRecords,
  async run({ wait_seconds }, context) {
    const { project, caller, signal } = context;
    const mailbox = new Mailbox(project);
    const isThere = (): boolean => mailbox.hasQueued(caller);
    if (wait_seconds > 0 && !isThere()) {
      const stop = tellWaiting(context, wait_seconds, 'waiting for a message');
      await untilThere(project, isThere, wait_seconds * 1_000, signal).finally(stop);
    }
    return isThere() ? 'Messages:' : 'No new messages.';
  },
});

/** Settles when there is a message, the time is up, or the signal aborts. */
function untilThere(
  { watcher, clock }: Pick<Project, 'watcher' | 'clock'>,
  isThere: () => boolean,
  waitMs: number,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const look = (): void => {
    try {
      if (signal.aborted || isThere()) resolve();
    } catch (error) {
      reject(error);
    }
  };
  const unsubscribe = watcher.subscribe(look);
  const stopTimer = clock.after(waitMs, resolve);
  signal.addEventListener('abort', look);
  look();
  return promise.finally(() => {
    unsubscribe();
    stopTimer();
    signal.removeEventListener('abort', look);
  });
}
