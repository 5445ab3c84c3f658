import type { Agent, AgentState } from '../../../domain/agent.ts';
import { type PhaseState, progressOf } from '../../../domain/orchestration.ts';
import type { SessionState } from '../../../domain/session.ts';
import type { Format } from '../shell/terminal.ts';

interface Look {
  readonly symbol: string;
  readonly format: Format;
}

/** Every displayed state; running agents with suspended processes have their own. */
type DrawnState = AgentState | SessionState | PhaseState | 'suspended';

const looks: Readonly<Record<DrawnState, Look>> = {
  created: { symbol: '·', format: 'dim' },
  planned: { symbol: '·', format: 'dim' },
  pending: { symbol: '·', format: 'dim' },
  running: { symbol: '●', format: 'cyan' },
  paused: { symbol: '‖', format: 'yellow' },
  suspended: { symbol: '‖', format: 'yellow' },
  resumable: { symbol: '‖', format: 'yellow' },
  completed: { symbol: '✓', format: 'green' },
  failed: { symbol: '✗', format: 'red' },
  cancelled: { symbol: '⊘', format: 'yellow' },
  skipped: { symbol: '⊘', format: 'dim' },
};

/** The symbol and format of a state; symbols are one column wide. */
export function lookOf(state: DrawnState): Look {
  return looks[state];
}

/** As many characters as the short form of an id has at least. */
export const shortIdLength = 6;

/** `22 pending, 20 completed`. */
export function stateCounts(agents: readonly Agent[]): string {
  const counts = Object.entries(progressOf(agents)).filter(([key, count]) => key !== 'total' && count > 0);
  return counts.map(([state, count]) => `${count} ${state}`).join(', ');
}

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** The animated symbol for something running. */
export function spin(frame: number): string {
  return spinner[frame % spinner.length] as string;
}
