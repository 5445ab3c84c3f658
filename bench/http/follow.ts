import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const script = fileURLToPath(new URL('subscribers.ts', import.meta.url));

/** What is said to the process of the subscribers. */
export type ToSubscribers =
  | { readonly is: 'open'; readonly port: number; readonly token: string; readonly count: number }
  /** Times: unix milliseconds between which an event must have happened to count for `late`. */
  | { readonly is: 'until'; readonly position: number; readonly from: number; readonly to: number };

/** What it says. */
export type FromSubscribers =
  /** The first position a subscriber goes on from. */
  { readonly is: 'open'; readonly start: number } | ({ readonly is: 'heard' } & Heard);

export interface Heard {
  /** Over all streams. */
  readonly lost: number;
  readonly repeated: number;
  /** Streams that the server ended. */
  readonly ended: number;
  /** Different events. */
  readonly events: number;
  readonly meanBytes: number;
  /** For each event, from the moment it happened until the last subscriber had it, in milliseconds. */
  readonly late: readonly number[];
}

/** Longer than this is broken, not slow. */
const patienceMs = 120_000;

/** Subscribers of `/events` that are all there. */
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

  /** What they heard, once all have what happened up to the position. */
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
