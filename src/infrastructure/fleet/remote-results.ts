import type { AgentEnd, OutputSink } from '../../application/ports/agent-host.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { AttemptClaim, AttemptKey, Fleet, HostedWork, HostFact } from '../../application/ports/fleet.ts';
import type { SharedFiles } from '../../application/ports/hosting.ts';
import type { LogLevel } from '../../application/ports/log.ts';
import type { Agent } from '../../domain/agent.ts';
import { isMaosError, MaosError } from '../../domain/errors.ts';
import type { HomeCode } from './home-code.ts';
import { pause } from './pause.ts';

/** The end of an attempt, as its host has reported it. */
export type ToldEnd = Extract<HostFact, { type: 'ended' }>;

export interface RemoteResultsDeps {
  readonly fleet: Fleet;
  readonly key: AttemptKey;
  readonly agent: Agent;
  readonly files: SharedFiles;
  readonly code: Pick<HomeCode, 'take' | 'refuse'>;
  readonly sink: Pick<OutputSink, 'isOwned'>;
  readonly clock: Clock;
  readonly lostAfterMs: number;
  /** The last report, and its era: a host repeats what the NATS server has lost. Null: none. */
  told(): { readonly fact: ToldEnd; readonly era: string | null } | null;
  claim(): AttemptClaim | null;
  note(level: LogLevel, message: string, error?: unknown): void;
}

const againMs = 1_000;
/** How long a host may take to repeat what it reported while the NATS server lost its data. */
const againToldMs = 15_000;
/** Maximum number of tries of what fails on this machine. */
const mostTries = 60;

/** Fetches what an attempt on another machine has left. */
export class RemoteResults {
  readonly #deps: RemoteResultsDeps;
  #missedSince: number | null = null;

  constructor(deps: RemoteResultsDeps) {
    this.#deps = deps;
  }

  /** @returns whether its work is in the repository; if not, records why, unless the session has another owner */
  async take(end: AgentEnd): Promise<boolean> {
    await this.#fetchFiles();
    return this.#takeWork(end);
  }

  async #fetchFiles(): Promise<void> {
    const { fleet, files, key, agent, sink, clock, note, told } = this.#deps;
    for (let blob = told()?.fact.files; blob != null; blob = told()?.fact.files) {
      try {
        await files.unpack(key.sessionId, agent.name, await fleet.get(blob));
        return;
      } catch (error) {
        note('error', 'the files of an agent could not be fetched', error);
        const isFinal = error instanceof MaosError && !(await this.#comesAgain(error));
        if (isFinal || !sink.isOwned()) return;
        await pause(clock, againMs);
      }
    }
  }

  /** Whether a blob is missing because the NATS server has lost its data. Then its host sends another one. */
  async #comesAgain(error: unknown): Promise<boolean> {
    const { fleet, clock, lostAfterMs, told, claim } = this.#deps;
    if (!isMaosError(error, 'INVALID_INPUT')) return false;
    const isSame = (await fleet.era().catch(() => null)) === told()?.era;
    const { host, incarnation } = claim() ?? { host: null, incarnation: '' };
    const isBeating = host !== null && (await fleet.lastBeat(host, incarnation).catch(() => null)) !== null;
    if (isBeating && !isSame) this.#missedSince = null;
    this.#missedSince ??= clock.elapsedMs();
    return clock.elapsedMs() - this.#missedSince < (isSame ? againToldMs : lostAfterMs);
  }

  /**
   * Call it before the end is recorded: it takes the work into the repository, or records why not.
   * @returns whether the work is in the repository
   */
  async #takeWork(end: AgentEnd): Promise<boolean> {
    const { agent, code, fleet, sink, clock, note, told } = this.#deps;
    if (agent.workspace !== 'worktree' || told() === null || end.how === 'never_started') return true;
    const getFile: Fleet['getFile'] = (blob, path) => fleet.getFile(blob, path);
    for (let tries = 1; sink.isOwned(); tries++) {
      const work = told()?.fact.work ?? null;
      const problem = await code.take(agent, work, getFile).then(() => null, toError);
      if (problem === null) {
        this.#noteUnkept(work);
        return true;
      }
      note('error', 'the work of an agent could not be taken', problem);
      const isFinal = isMaosError(problem, 'FORBIDDEN') || isMaosError(problem, 'INVALID_INPUT');
      const isOutOfTries = isFinal || (isMaosError(problem) && tries >= mostTries);
      if (isOutOfTries && !(await this.#comesAgain(problem))) {
        const unwritten = await code.refuse(agent, problem.message).then(() => null, toError);
        if (unwritten === null) return false;
        note('error', 'why the work of an agent is refused could not be stored', unwritten);
      }
      await pause(clock, againMs);
    }
    return false;
  }

  #noteUnkept(work: HostedWork | null): void {
    if (work?.how !== 'taken' || work.unkept.length === 0) return;
    const message = 'some of an agent’s work cannot be committed; it stays on its host';
    this.#deps.note('warn', message, work.unkept.join(', '));
  }
}

function toError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
}
