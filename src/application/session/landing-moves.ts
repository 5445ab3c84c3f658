import type { Agent, AgentFailure } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import { type LandingCourse, type LandingEnd, maxLandings } from '../landing/landing-course.ts';
import type { WakeSignal } from './wake-signal.ts';

export type LandingMove = LandingEnd | { readonly how: 'failed'; readonly failure: AgentFailure };

/** Moves targets to proven commits beside the loop. A move that has begun is not interrupted: it can be repeated. */
export class LandingMoves {
  readonly #course: LandingCourse | null;
  readonly #wakeSignal: WakeSignal;
  /** Null while the move is going on. */
  readonly #moves = new Map<AgentId, LandingMove | null>();
  readonly #repeated = new Map<AgentId, number>();

  constructor(course: LandingCourse | null, wakeSignal: WakeSignal) {
    this.#course = course;
    this.#wakeSignal = wakeSignal;
  }

  /** Begins the agent's move. Call it again when woken. @returns how it ended; null while it is going on */
  take(agent: Agent): LandingMove | null {
    const moved = this.#moves.get(agent.id);
    if (moved !== undefined) {
      if (moved !== null) this.#moves.delete(agent.id);
      return moved;
    }
    this.#moves.set(agent.id, null);
    void this.#move(agent).then((done) => {
      this.#moves.set(agent.id, done);
      this.#wakeSignal.notify();
    });
    return null;
  }

  /** Whether the agent's move has begun: then it is not called off. */
  isMoving(id: AgentId): boolean {
    return this.#moves.has(id);
  }

  async #move(agent: Agent): Promise<LandingMove> {
    try {
      if (this.#course === null)
        throw new Error(`agent ${agent.id} lands work in a session that lands nothing`);
      const moved = await this.#course.move(agent);
      const times = (this.#repeated.get(agent.id) ?? 0) + 1;
      this.#repeated.set(agent.id, times);
      if (moved.how !== 'again' || times < maxLandings) return moved;
      return failed(`The target moved ${times} times while the work was checked: ${moved.reason}`);
    } catch (error) {
      return failed(
        `Its work could not be landed: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
}

function failed(message: string): LandingMove {
  return { how: 'failed', failure: { kind: 'verification_failed', message, stderrTail: '' } };
}
