import type { Clock } from '../../../application/ports/clock.ts';
import type { AgentContext } from './agent-context.ts';

/** Clients give up calls that report nothing for too long. */
const everyMs = 15_000;

/**
 * Reports progress to the client regularly while a call waits.
 * @returns a function that stops it
 */
export function tellWaiting(
  {
    project: { clock },
    notifyProgress,
  }: Pick<AgentContext, 'notifyProgress'> & {
    readonly project: { readonly clock: Pick<Clock, 'elapsedMs' | 'after'> };
  },
  totalSeconds: number,
  message: string,
): () => void {
  const begun = clock.elapsedMs();
  const tell = (): void => {
    const progress = Math.round((clock.elapsedMs() - begun) / 1_000);
    notifyProgress({ progress, total: Math.max(totalSeconds, progress + 1), message });
    stop = clock.after(everyMs, tell);
  };
  let stop = clock.after(everyMs, tell);
  return () => stop();
}
