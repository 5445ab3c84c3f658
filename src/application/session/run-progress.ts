import type { AgentId } from '../../domain/ids.ts';
import type { ProgressNote } from '../../domain/running-agents.ts';
import type { AgentActivity, ParsedRun } from '../ports/backend.ts';
import { describeActivity } from './activity-line.ts';
import type { AnswerWatch } from './answer-watch.ts';

/** The progress in a run's output that has not been recorded yet. */
export class RunProgress {
  readonly #agent: AgentId;
  #activity: string | null = null;
  #notedTurns = 0;
  #notedDenials = 0;
  #notedSubagents = 0;

  constructor(agent: AgentId) {
    this.#agent = agent;
  }

  add(activities: readonly AgentActivity[]): void {
    const last = activities.findLast((activity) => describeActivity(activity) !== null);
    if (last !== undefined) this.#activity = describeActivity(last);
  }

  /** The progress since the last call; null if there is none. */
  take(
    { usage, conversation, turns, denials, subagents }: ParsedRun,
    answers: AnswerWatch,
  ): ProgressNote | null {
    const lingering = answers.take();
    const hasProgressed = this.#activity !== null || turns !== this.#notedTurns;
    const refused = denials?.count ?? 0;
    const isSame = refused === this.#notedDenials && subagents === this.#notedSubagents;
    if (!hasProgressed && lingering === undefined && isSame) return null;
    const activity = hasProgressed ? (this.#activity ?? '') : null;
    this.#activity = null;
    this.#notedTurns = turns;
    this.#notedDenials = refused;
    this.#notedSubagents = subagents;
    const note = { id: this.#agent, activity, usage, conversation, denials, subagents };
    return lingering === undefined ? note : { ...note, lingering };
  }
}
