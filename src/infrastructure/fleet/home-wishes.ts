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
  /** Whether the attempt goes on, and this process looks after it. */
  isNeeded(): boolean;
  /** Number of the last wish that the host has obeyed, as far as is known. */
  obeyed(): number;
  trouble(message: string, error: unknown): void;
}

const againMs = 1_000;

/** What a home wishes of an attempt: always all of it, under a number that grows, until its host has obeyed it. */
export class HomeWishes {
  readonly #deps: HomeWishesDeps;
  #wish: Wish = { number: 0, isPaused: false, stop: null, input: [], isInputOver: false, answers: [] };
  /** In which wish each entry and answer came first. */
  readonly #since = new Map<string, number>();
  #storing: Promise<void> = Promise.resolve();

  constructor(deps: HomeWishesDeps) {
    this.#deps = deps;
  }

  get number(): number {
    return this.#wish.number;
  }

  /** Whether what its host lacks of the code is sent, or cannot be. */
  get hasCode(): boolean {
    return this.#wish.code !== undefined;
  }

  /** Settles when everything so far is stored, or is not needed any more. */
  get stored(): Promise<void> {
    return this.#storing;
  }

  /** Goes on with what an earlier process of this home has wished. @returns the calls that it has answered */
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

  /** Input, once by its id. */
  async send({ id, bytes }: InputEntry): Promise<void> {
    if (this.#since.has(entryName(id))) return;
    const entry = { id, base64: Buffer.from(bytes).toString('base64') };
    await this.#store({ input: [...this.#wish.input, entry] }, entryName(id));
  }

  /** Answers wait for one another if together they would be too large. */
  async answer(answer: TeamAnswer): Promise<void> {
    const { isNeeded, clock } = this.#deps;
    const size = Buffer.byteLength(JSON.stringify(answer));
    while (isNeeded() && Buffer.byteLength(JSON.stringify(this.#wish.answers)) + size > maxCallBytes)
      await pause(clock, againMs);
    await this.#store({ answers: [...this.#wish.answers, answer] }, answerName(answer.call));
  }

  /** The host has obeyed up to this number. */
  obeyed(number: number): void {
    if (this.#wish.number > 0 && number > this.#wish.number) this.#outbid(number);
    else this.#drop(number);
  }

  /** The engine may have lost it. */
  async again(): Promise<void> {
    const { fleet, key } = this.#deps;
    if (this.#wish.number > 0) await fleet.desire(key, this.#wish);
  }

  /** The host has obeyed a wish of an earlier process that the engine has lost: what is wished now has too low a number. */
  #outbid(obeyed: number): void {
    for (const name of this.#since.keys()) this.#since.set(name, obeyed + 1);
    this.#store({}).catch((error: unknown) => this.#deps.trouble('a wish could not be stored', error));
  }

  /** The host has everything up to this wish. */
  #drop(obeyed: number): void {
    const isLeft = (name: string): boolean => (this.#since.get(name) ?? 0) > obeyed;
    this.#wish = {
      ...this.#wish,
      input: this.#wish.input.filter(({ id }) => isLeft(entryName(id))),
      answers: this.#wish.answers.filter(({ call }) => isLeft(answerName(call))),
    };
  }

  /** One after the other, so that the last number stands for everything before it. */
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
