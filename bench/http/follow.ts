import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('subscribers.ts', import.meta.url));

/** Messages to the subscribers' process. */
export type ToSubscribers =
  | { readonly is: 'open'; readonly port: number; readonly token: string; readonly count: number }
  /** Times: Unix milliseconds. Only events that happened between them count for `late`. */
  | { readonly is: 'until'; readonly position: number; readonly from: number; readonly to: number };

/** Messages from the subscribers' process. */
export type FromSubscribers =
  /** The first position after which a subscriber continues. */
  { readonly is: 'open'; readonly start: number } | ({ readonly is: 'heard' } & Heard);

export interface Heard {
  /** Number of events, over all streams. */
  readonly lost: number;
  readonly repeated: number;
  /** Number of streams that the server ended. */
  readonly ended: number;
  /** Number of different events. */
  readonly events: number;
  readonly meanBytes: number;
  /** For each event, milliseconds until the last subscriber received it. */
  readonly late: readonly number[];
}

/** A longer wait means a defect, not slowness. */
const patienceMs = 120_000;

/** Subscribers of `/events`, all connected. */
export class Followers {
  readonly #child: ChildProcess;
  readonly start: number;

  private constructor(child: ChildProcess, start: number) {
    this.#child = child;
    this.start = start;
  }

  static async open(port: number, token: string, count: number): Promise<Followers> {
    const child = fork(script, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    try {
      const told = await ask(child, { is: 'open', port, token, count });
      if (told.is !== 'open') throw new Error('The subscribers answered out of turn.');
      return new Followers(child, told.start);
    } catch (error) {
      child.kill();
      throw error;
    }
  }

  /** What the subscribers received, once all of them have the events up to the position. */
  async until(position: number, from: number, to: number): Promise<Heard> {
    const told = await ask(this.#child, { is: 'until', position, from, to });
    if (told.is !== 'heard') throw new Error('The subscribers answered out of turn.');
    return told;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill();
    await gone;
  }
}

async function ask(child: ChildProcess, message: ToSubscribers): Promise<FromSubscribers> {
  const patience = AbortSignal.timeout(patienceMs);
  const answered = once(child, 'message', { signal: patience }) as Promise<[FromSubscribers]>;
  const ended = once(child, 'exit').then(() => {
    throw new Error('The subscribers ended before they answered.');
  });
  child.send(message);
  const [told] = await Promise.race([answered, ended]);
  return told;
}
