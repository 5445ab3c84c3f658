import { type Agent, isAgentEnded } from './agent.ts';
import { assertTransition, canTransition, type TransitionTable } from './transitions.ts';

export const phaseStates = ['planned', 'running', 'completed', 'failed', 'skipped'] as const;
export type PhaseState = (typeof phaseStates)[number];

export const phaseTransitions: TransitionTable<PhaseState> = {
  planned: ['running', 'skipped'],
  running: ['completed', 'failed'],
  completed: [],
  /** Only by an explicit retry. */
  failed: ['running'],
  skipped: ['running'],
};

/** A step of the plan: agents that may run in parallel when earlier steps allow it. */
export interface Phase {
  readonly index: number;
  readonly state: PhaseState;
}

export interface Progress {
  readonly total: number;
  readonly pending: number;
  readonly running: number;
  readonly completed: number;
  readonly failed: number;
  readonly cancelled: number;
  readonly resumable: number;
}

export function progressOf(agents: readonly Agent[]): Progress {
  const counts = { pending: 0, running: 0, completed: 0, failed: 0, cancelled: 0, resumable: 0 };
  for (const agent of agents) counts[agent.state] += 1;
  return { total: agents.length, ...counts };
}

/** The state that the phase's agents imply. */
function phaseStateOf(members: readonly Agent[]): PhaseState {
  if (members.every((agent) => agent.state === 'completed')) return 'completed';
  if (members.every((agent) => isAgentEnded(agent.state))) {
    return members.every((agent) => agent.state === 'cancelled' && agent.attempt === 0)
      ? 'skipped'
      : 'failed';
  }
  return members.every((agent) => agent.attempt === 0) ? 'planned' : 'running';
}

/**
 * Updates every phase to the state that its agents imply; unchanged phases keep their identity. A phase whose agents
 * started and ended since the last update passes through `running`, so that no transition is skipped.
 * @throws MaosError INVALID_TRANSITION when agents contradict the recorded phases
 */
export function advancePhases(
  phases: readonly Phase[],
  agents: readonly Agent[],
): { readonly phases: readonly Phase[]; readonly moves: readonly Phase[] } {
  const moves: Phase[] = [];
  const move = (phase: Phase, to: PhaseState): Phase => {
    assertTransition(phaseTransitions, `Phase ${phase.index}`, phase.state, to);
    const moved = { ...phase, state: to };
    moves.push(moved);
    return moved;
  };
  const next = phases.map((phase) => {
    const members = agents.filter((agent) => agent.phase === phase.index);
    const target = phaseStateOf(members);
    if (target === phase.state || target === 'planned') return phase;
    const through = canTransition(phaseTransitions, phase.state, target) ? phase : move(phase, 'running');
    return move(through, target);
  });
  return { phases: next, moves };
}
