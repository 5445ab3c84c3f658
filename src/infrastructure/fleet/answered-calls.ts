import { appendFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  maxCallBytes,
  type TeamAnswer,
  type TeamCall,
  type TeamOutcome,
} from '../../application/ports/team-calls.ts';
import { fileMode } from '../files/disk/folders.ts';

export interface AnsweredCallsDeps {
  /** The agent's folder at home. */
  readonly folder: string;
  readonly attempt: number;
  /** Never rejects. The signal aborts when nobody waits for it any more. */
  carryOut(call: TeamCall, signal: AbortSignal): Promise<TeamOutcome>;
  /** Gives an answer to the host; settles when the NATS server has it. */
  give(answer: TeamAnswer): Promise<void>;
  trouble(message: string, error: unknown): void;
}

/** More calls than an agent needs at the same time. */
const mostAtOnce = 64;

/**
 * Carries out what programs of an attempt ask of their team, each call once: a file in the agent's folder lists the
 * answered ones. A home that was killed during a call repeats it.
 */
export class AnsweredCalls {
  readonly #deps: AnsweredCallsDeps;
  readonly #answered: Set<string>;
  readonly #underWay = new Map<string, AbortController>();
  #isOver = false;

  /** @param given ids of calls whose answers the NATS server has */
  constructor(deps: AnsweredCallsDeps, given: readonly string[]) {
    this.#deps = deps;
    this.#answered = new Set([...recorded(this.#file()), ...given]);
  }

  called(call: TeamCall): void {
    if (this.#isOver || this.#answered.has(call.id) || this.#underWay.has(call.id)) return;
    const withdrawal = new AbortController();
    this.#underWay.set(call.id, withdrawal);
    void this.#answer(call, withdrawal.signal)
      .catch((error: unknown) => this.#deps.trouble('a call of an agent could not be answered', error))
      .finally(() => this.#underWay.delete(call.id));
  }

  withdrawn(id: string): void {
    this.#underWay.get(id)?.abort();
    if (!this.#answered.has(id)) this.#record(id);
  }

  end(): void {
    this.#isOver = true;
    for (const withdrawal of this.#underWay.values()) withdrawal.abort();
  }

  async #answer(call: TeamCall, signal: AbortSignal): Promise<void> {
    const outcome: TeamOutcome =
      this.#underWay.size > mostAtOnce
        ? {
            ...{ type: 'error', code: 'RESOURCE_LIMIT_EXCEEDED' },
            message: `More than ${mostAtOnce} calls of this agent are under way. Wait for the answer to one of them.`,
          }
        : bounded(await this.#deps.carryOut(call, signal));
    if (signal.aborted) return;
    await this.#deps.give({ call: call.id, outcome });
    this.#record(call.id);
  }

  #record(id: string): void {
    this.#answered.add(id);
    appendFileSync(this.#file(), `${id}\n`, { mode: fileMode });
  }

  #file(): string {
    return join(this.#deps.folder, `calls.${this.#deps.attempt}`);
  }
}

function recorded(file: string): readonly string[] {
  try {
    return readFileSync(file, 'utf8').split('\n');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw error;
  }
}

function bounded(outcome: TeamOutcome): TeamOutcome {
  if (Buffer.byteLength(JSON.stringify(outcome)) <= maxCallBytes / 2) return outcome;
  const message = 'The answer is too large to be sent to the machine of this agent. Ask for less of it.';
  return { type: 'error', code: 'RESOURCE_LIMIT_EXCEEDED', message };
}
