import type { AgentContext } from './agent-context.ts';

/** Clients take a call without a sign of life for dead. */
const everyMs = 15_000;

/** Tells the client every so often that a call still waits. @returns ends it */
export function tellWaiting(
  { project: { clock }, notifyProgress }: Pick<AgentContext, 'project' | 'notifyProgress'>,
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
