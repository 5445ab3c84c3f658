import type { InputEntry } from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { AttemptKey, Fleet, Wish } from '../../application/ports/fleet.ts';
import { maxCallBytes, type TeamAnswer } from '../../application/ports/team-calls.ts';
import { MaosError } from '../../domain/errors.ts';
import { pause } from './pause.ts';

export interface HomeWishesDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly clock: Clock;
  /** Whether the attempt is still running, and supervised by this process. */
  isNeeded(): boolean;
  /** Number of the last wish that the host has obeyed, as far as is known. */
  obeyed(): number;
  trouble(message: string, error: unknown): void;
}

const againMs = 1_000;

/**
 * What a home wishes of an attempt. Each change stores the whole wish under a higher number, without the input and the
 * answers that the host has received.
 */
export class HomeWishes {
  readonly #deps: HomeWishesDeps;
  #wish: Wish = { number: 0, isPaused: false, stop: null, input: [], isInputOver: false, answers: [] };
  /** The number of the first wish with each entry and answer. */
  readonly #since = new Map<string, number>();
  #storing: Promise<void> = Promise.resolve();

  constructor(deps: HomeWishesDeps) {
    this.#deps = deps;
  }

  get number(): number {
    return this.#wish.number;
  }

  /** Whether the home has answered the host's request for code. */
  get hasCode(): boolean {
    return this.#wish.code !== undefined;
  }

  /** Settles when everything so far is stored, or no longer needed. */
  get stored(): Promise<void> {
    return this.#storing;
  }

  /** Continues from the wish of an earlier process of this home. @returns the calls that it has answered */
  async recall(): Promise<readonly string[]> {
    const { fleet, key } = this.#deps;
    this.#wish = (await fleet.desired(key)) ?? this.#wish;
    const { number, input, answers } = this.#wish;
    for (const { id } of input) this.#since.set(entryName(id), number);
    for (const { call } of answers) this.#since.set(answerName(call), number);
    return answers.map(({ call }) => call);
  }

  /** Settles when it is stored. */
  change(change: Partial<Wish>): Promise<void> {
    return this.#store(change);
  }

  /** Adds input, once for each id. */
  async send({ id, bytes }: InputEntry): Promise<void> {
    if (this.#since.has(entryName(id))) return;
    const entry = { id, base64: Buffer.from(bytes).toString('base64') };
    await this.#store({ input: [...this.#wish.input, entry] }, entryName(id));
  }

  /** Adds an answer once the wish has room for it. */
  async answer(answer: TeamAnswer): Promise<void> {
    const { isNeeded, clock } = this.#deps;
    const size = Buffer.byteLength(JSON.stringify(answer));
    while (isNeeded() && Buffer.byteLength(JSON.stringify(this.#wish.answers)) + size > maxCallBytes)
      await pause(clock, againMs);
    await this.#store({ answers: [...this.#wish.answers, answer] }, answerName(answer.call));
  }

  /** The host has fulfilled the wishes up to this number. */
  obeyed(number: number): void {
    if (this.#wish.number > 0 && number > this.#wish.number) this.#outbid(number);
    else this.#drop(number);
  }

  /** Stores the wish again, because the NATS server may have lost it. */
  async again(): Promise<void> {
    const { fleet, key } = this.#deps;
    if (this.#wish.number > 0) await fleet.desire(key, this.#wish);
  }

  /**
   * The host has fulfilled a wish of an earlier process that the NATS server has lost, and ignores wishes with lower
   * numbers.
   */
  #outbid(obeyed: number): void {
    for (const name of this.#since.keys()) this.#since.set(name, obeyed + 1);
    this.#store({}).catch((error: unknown) => this.#deps.trouble('a wish could not be stored', error));
  }

  /** Drops what the host has received, up to this wish. */
  #drop(obeyed: number): void {
    const isLeft = (name: string): boolean => (this.#since.get(name) ?? 0) > obeyed;
    this.#wish = {
      ...this.#wish,
      input: this.#wish.input.filter(({ id }) => isLeft(entryName(id))),
      answers: this.#wish.answers.filter(({ call }) => isLeft(answerName(call))),
    };
  }

  /** Stores one wish after the other, so that a number includes everything before it. */
  #store(change: Partial<Wish>, added?: string): Promise<void> {
    const { fleet, key, clock, isNeeded, obeyed, trouble } = this.#deps;
    const latest = Math.max(this.#wish.number, obeyed(), Date.parse(clock.now()));
    this.#wish = { ...this.#wish, ...change, number: latest + 1 };
    if (added !== undefined) this.#since.set(added, latest + 1);
    const wish = this.#wish;
    const stored = this.#storing.then(async () => {
      while (isNeeded()) {
        try {
          return await fleet.desire(key, wish);
        } catch (error) {
          if (error instanceof MaosError) throw error;
          trouble('a wish could not be stored', error);
          await pause(clock, againMs);
        }
      }
    });
    this.#storing = stored.catch(() => {});
    return stored;
  }
}

function entryName(id: string): string {
  return `entry ${id}`;
}

function answerName(call: string): string {
  return `answer ${call}`;
}
