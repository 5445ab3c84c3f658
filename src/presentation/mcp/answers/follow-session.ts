import { type Waited, waitForSession } from '../../../application/control/control.ts';
import type { Project } from '../../../application/project.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import type { Progress } from '../../../domain/orchestration.ts';
import { progressLine } from '../../contracts/event-lines.ts';
import { namesOf } from '../../contracts/views.ts';
import type { ToolContext } from '../server/tool.ts';

/** Clients give up calls without progress; the contract promises a progress message this often. */
const signOfLifeMs = 15_000;

/** Options for a wait: when to end, and what to call with events. */
export interface TellingWait {
  readonly signal: AbortSignal;
  readonly onEvents: (events: readonly RecordedEvent[]) => void;
}

/**
 * Waits until the session ends or pauses, and sends progress to the client. Can end early, see {@link tellProgress}.
 * @throws MaosError SESSION_NOT_FOUND
 */
export function followSession(
  context: ToolContext,
  project: Project,
  id: SessionId,
  timeoutMs: number,
  interruption?: (id: SessionId, signal: AbortSignal) => Promise<void>,
): Promise<Waited> {
  if (interruption === undefined) {
    return tellProgress(context, project, id, timeoutMs, (wait) => waitForSession(project, id, wait));
  }
  return tellProgress(context, project, id, timeoutMs, async ({ signal, onEvents }) => {
    const over = new AbortController();
    const whole = AbortSignal.any([signal, over.signal]);
    const interrupted = interruption(id, whole).finally(() => over.abort());
    try {
      return await waitForSession(project, id, { signal: whole, onEvents });
    } finally {
      over.abort();
      await interrupted;
    }
  });
}

/**
 * Sends progress to the client during a wait: on every change, and every 15 s. The wait is aborted when the time is
 * over or the client cancels the request.
 */
export async function tellProgress<T>(
  context: ToolContext,
  project: Project,
  id: SessionId,
  timeoutMs: number,
  waitFor: (wait: TellingWait) => Promise<T>,
): Promise<T> {
  const { clock, store } = project;
  const timeout = new AbortController();
  const stopTimeout = clock.after(timeoutMs, () => timeout.abort());
  const meter = new ProgressMeter();
  let names: ReadonlyMap<string, string> | null = null;
  const namesNow = () => (names ??= namesOf(store.load(id).agents));
  let stopSign = (): void => {};
  const tell = (message: string): void => {
    const { progress } = store.summary(id);
    context.notifyProgress({ ...meter.next(progress), message });
    stopSign();
    stopSign = clock.after(signOfLifeMs, () => {
      const now = store.summary(id).progress;
      tell(`${now.running} running, ${endedOf(now)} of ${now.total} ended`);
    });
  };
  stopSign = clock.after(signOfLifeMs, () => tell('waiting'));
  try {
    return await waitFor({
      signal: AbortSignal.any([context.signal, timeout.signal]),
      onEvents: (events) => {
        // An agent's end is often stored together with the starts that it causes; report it separately.
        for (const news of [events.filter(isEnd), events.filter((event) => !isEnd(event))]) {
          const message = newsOf(news, namesNow());
          if (message !== null) tell(message);
        }
      },
    });
  } finally {
    stopTimeout();
    stopSign();
  }
}

function isEnd({ type }: RecordedEvent): boolean {
  return type === 'agent.completed' || type === 'agent.failed' || type === 'agent.cancelled';
}

/** One message for events that were stored together: the last relevant one, and how many came before it. */
function newsOf(events: readonly RecordedEvent[], names: ReadonlyMap<string, string>): string | null {
  const lines = events.flatMap((event) => progressLine(event, names) ?? []);
  const last = lines.at(-1);
  if (last === undefined) return null;
  return lines.length === 1 ? last : `${last} (and ${lines.length - 1} more)`;
}

function endedOf(progress: Progress): number {
  return progress.completed + progress.failed + progress.cancelled;
}

/**
 * Problem: MCP requires the progress value to grow with every notification, but most changes end no agent.
 * Solution: the number of ended agents, plus a small fraction for every other notification.
 */
class ProgressMeter {
  #last = -1;

  next(progress: Progress): { progress: number; total: number } {
    const ended = endedOf(progress);
    this.#last = this.#last < ended ? ended : this.#last + (Math.floor(this.#last) + 1 - this.#last) / 100;
    return { progress: this.#last, total: progress.total };
  }
}
