import type { Clock } from '../../src/application/ports/clock.ts';
import type { Time } from './time.ts';

/** When a process dies: at which of its calls to the outside, before or after that call had its effect. */
export interface Death {
  readonly at: number;
  readonly when: 'before' | 'after';
}

/** A clock that may be wrong, and may be set. */
export interface WallClock {
  skewMs: number;
}

/** Told of every call, for people. */
export type Note = (call: string, args: readonly unknown[]) => void;

/** A process: everything that it does to the outside, and everything that comes in, passes through here. */
export class Life {
  isDead = false;
  calls = 0;
  readonly clock: Clock;
  #death: Death | null;
  readonly #died: () => void;
  readonly #deaf: (() => void)[] = [];
  readonly #note: Note | null;
  #isFrozen = false;

  constructor(
    time: Time,
    wall: WallClock,
    death: Death | null = null,
    died: () => void = () => {},
    note: Note | null = null,
  ) {
    this.#note = note;
    this.#death = death;
    this.#died = died;
    const began = time.nowMs;
    this.clock = {
      now: () => new Date(Date.UTC(2026, 0, 1) + time.nowMs + wall.skewMs).toISOString(),
      elapsedMs: () => time.nowMs - began,
      after: (ms, callback) => time.after(ms, () => this.enter(callback)),
    };
  }

  /** As kill -9: no code of it runs any more. */
  kill(): void {
    if (this.isDead) return;
    this.isDead = true;
    this.#died();
  }

  /** It does not die by itself any more. */
  spare(): void {
    this.#death = null;
  }

  /** As SIGSTOP. */
  freeze(): void {
    this.#isFrozen = true;
  }

  /** As SIGCONT. */
  thaw(): void {
    this.#isFrozen = false;
    for (const act of this.#deaf.splice(0)) this.enter(act);
  }

  /** Something happens to it. */
  enter(act: () => void): void {
    if (this.isDead) return;
    if (this.#isFrozen) this.#deaf.push(act);
    else act();
  }

  /** It does something; that never settles if it dies over it. */
  call<T>(act: () => Promise<T>): Promise<T> {
    return new Promise((resolve, reject) => {
      if (this.isDead) return;
      this.calls += 1;
      const isLast = this.calls === this.#death?.at;
      if (isLast && this.#death?.when === 'before') return this.kill();
      const settle = (how: () => void): void =>
        isLast && this.#death !== null ? this.kill() : this.enter(how);
      act().then(
        (value) => settle(() => resolve(value)),
        (error: unknown) => settle(() => reject(error)),
      );
    });
  }

  /** @param names asynchronous methods */
  watch<T extends object>(target: T, names: readonly (keyof T)[]): T {
    const watched = Object.create(target) as T;
    for (const name of names) {
      const method = (target[name] as (...args: unknown[]) => Promise<unknown>).bind(target);
      watched[name] = ((...args: unknown[]) => {
        this.#note?.(String(name), args);
        return this.call(() => method(...args));
      }) as T[keyof T];
    }
    return watched;
  }
}
