import type { Agent } from '../../domain/agent.ts';
import type { DomainEvent } from '../../domain/events.ts';
import type { AgentWork } from '../../domain/worktree.ts';
import type { Checkout } from '../ports/workspaces.ts';

/** How a landing agent begins an attempt, decided in stage `preparing` instead of composing its usual launch. */
export type LandingStart =
  /** Nothing to do for its program: `work.commit` is to be checked and then moved. No program starts. */
  | {
      readonly how: 'clean';
      readonly work: AgentWork & { readonly commit: string };
      readonly events: readonly DomainEvent[];
    }
  /**
   * Its program runs in the owner's worktree, which is open: with a merge in progress, or at the merged commit that
   * did not pass its check.
   */
  | {
      readonly how: 'mend';
      readonly work: AgentWork;
      readonly checkout: Checkout;
      /** For the beginning of the prompt, before the task. It contains others' text: escape it for the CLI. */
      readonly note: string;
      readonly events: readonly DomainEvent[];
    };

/** Whether the commit of an attempt that fixes work may be checked. */
export type LandingCommit =
  /** `work.commit` is to be checked. */
  | { readonly how: 'accepted'; readonly work: AgentWork }
  /** Counts as a failed check. The reason goes to the next fix round, or into the failure's message. */
  | { readonly how: 'refused'; readonly reason: string };

export type LandingEnd =
  /** The agent completes with this result. */
  | { readonly how: 'landed'; readonly result: string; readonly events: readonly DomainEvent[] }
  /** The target has moved meanwhile: the next attempt begins again. At most {@link maxLandings} times. */
  | { readonly how: 'again'; readonly reason: string };

/** How often an agent's work may land again because its target has moved during the check. */
export const maxLandings = 10;

/**
 * What an agent with `lands` does instead of, before and after running its program. Its course: {@link begin} in stage
 * `preparing`; then, if its program ran, {@link accept} with the commit of the snapshot, after protected files were
 * restored; then its checks at `work.commit`, if it has any; then {@link move}, still in stage `verifying`. The
 * caller stores `work` and the events with the change of stage that follows. Every step can be repeated after a crash:
 * `move` recognizes that it has moved the target already.
 *
 * Errors of git reject with a MaosError whose message is the agent's failure.
 */
export interface LandingCourse {
  begin(agent: Agent): Promise<LandingStart>;
  accept(agent: Agent, commit: string): Promise<LandingCommit>;
  /** Call it only after all checks have passed at `agent.work.commit`. */
  move(agent: Agent): Promise<LandingEnd>;
}
