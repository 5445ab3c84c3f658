import { isMaosError } from '../../domain/errors.ts';
import type { InputEntry, RunningAgent } from '../ports/agent-host.ts';
import type { AgentActivity } from '../ports/backend.ts';

/** What a CLI has reported on its channel, in order. */
export type ChannelNews = Extract<
  AgentActivity,
  { readonly type: 'received' | 'permission' | 'permission_withdrawn' }
>;

interface ChannelCallbacks {
  /** Called when something was reported, or could not be sent. */
  changed(): void;
  trouble(message: string, error: unknown): void;
}

/**
 * The exchange between MAOS and the CLI of one run while it works. Sends entries one after another, independently of
 * the session's loop.
 */
export class LiveChannel {
  readonly #callbacks: ChannelCallbacks;
  readonly #begun = Promise.withResolvers<RunningAgent>();
  readonly #news: ChannelNews[] = [];
  /** Entries that were sent, but are not known to be in the conversation yet. */
  readonly #underway = new Set<string>();
  /** Entries that are known to be in the conversation; an adopted run may report them before they are sent again. */
  readonly #arrived = new Set<string>();
  #running: RunningAgent | null = null;
  #turn: Promise<unknown> = this.#begun.promise;
  #closing: 'no' | 'yes' | 'failed' = 'no';
  #hasResult = false;
  #hasFailed = false;

  constructor(callbacks: ChannelCallbacks) {
    this.#callbacks = callbacks;
  }

  begin(running: RunningAgent): void {
    this.#running = running;
    this.#begun.resolve(running);
  }

  /** Whether its program is running and reads its input. A program that another version of MAOS started may not. */
  get isOpen(): boolean {
    return this.#running?.takesInput === true && this.#closing !== 'yes';
  }

  /** Whether the CLI has given a result at least once. */
  get hasResult(): boolean {
    return this.#hasResult;
  }

  /** Whether everything that was sent is known to be in the conversation. */
  get isSettled(): boolean {
    return this.#underway.size === 0;
  }

  /** Whether an entry could not be sent since the last call, and should be sent again later. */
  takeFailure(): boolean {
    const hasFailed = this.#hasFailed;
    this.#hasFailed = false;
    return hasFailed;
  }

  add(activities: readonly AgentActivity[]): void {
    const before = this.#news.length;
    for (const activity of activities) {
      if (activity.type === 'result') this.#hasResult = true;
      if (activity.type === 'received' && activity.via === undefined) {
        this.#underway.delete(activity.entry);
        this.#arrived.add(activity.entry);
      }
      if (activity.type === 'refusal') this.#send({ id: `refusal-${activity.key}`, bytes: activity.bytes });
      if (isNews(activity)) this.#news.push(activity);
    }
    if (this.#news.length > before || activities.some(({ type }) => type === 'result')) {
      this.#callbacks.changed();
    }
  }

  /** The reports since the last call. */
  take(): readonly ChannelNews[] {
    return this.#news.splice(0);
  }

  /** @param entry the name that `received` will report */
  sendText(entry: string, bytes: Uint8Array): void {
    if (!this.#arrived.has(entry)) this.#underway.add(entry);
    this.#send({ id: entry, bytes });
  }

  /** @param request the id of the answered request */
  sendAnswer(request: string, bytes: Uint8Array): void {
    this.#send({ id: `answer-${request}`, bytes });
  }

  /** Closes the input after everything that was sent. Safe to repeat; after a failure, the next call tries again. */
  close(): void {
    if (!this.isOpen) return;
    this.#closing = 'yes';
    this.#inTurn(
      (running) => running.closeInput(),
      'the input of an agent could not be closed',
      () => {
        this.#closing = 'failed';
      },
    );
  }

  #send(entry: InputEntry): void {
    const failed = (): void => {
      this.#underway.delete(entry.id);
      this.#hasFailed = true;
    };
    this.#inTurn((running) => running.send(entry), `entry ${entry.id} could not be sent to an agent`, failed);
  }

  #inTurn(act: (running: RunningAgent) => Promise<void>, trouble: string, failed: () => void): void {
    this.#turn = this.#turn.then(async () => {
      const running = await this.#begun.promise;
      try {
        await act(running);
      } catch (error) {
        // An agent that has ended or has another owner needs no more input.
        if (isMaosError(error, 'INVALID_TRANSITION')) return;
        this.#callbacks.trouble(trouble, error);
        failed();
      }
    });
  }
}

function isNews(activity: AgentActivity): activity is ChannelNews {
  // A message in a tool's result did not come through the input.
  if (activity.type === 'received' && activity.via !== undefined) return false;
  return ['received', 'permission', 'permission_withdrawn'].includes(activity.type);
}
