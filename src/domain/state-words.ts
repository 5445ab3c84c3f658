import type { AgentState } from './agent.ts';
import type { InputRequestState } from './input-request.ts';
import type { SessionState } from './session.ts';

type StatedState = SessionState | AgentState | InputRequestState;

/** States that are participles need an auxiliary that says what happened: "it is failed" is not English. */
const auxiliaries: Readonly<Partial<Record<StatedState, string>>> = {
  completed: 'has',
  failed: 'has',
  expired: 'has',
  cancelled: 'was',
  answered: 'was',
  withdrawn: 'was',
};

/** A state as the predicate of a sentence: "is running", "has failed", "was cancelled". */
export function inState(state: StatedState): string {
  return `${auxiliaries[state] ?? 'is'} ${state}`;
}

/** "is already running", "has already failed". */
export function alreadyInState(state: StatedState): string {
  return `${auxiliaries[state] ?? 'is'} already ${state}`;
}
