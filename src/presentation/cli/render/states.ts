import type { AgentState } from '../../../domain/agent.ts';
import type { PhaseState } from '../../../domain/orchestration.ts';
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

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'] as const;

/** The animated symbol for something running. */
export function spin(frame: number): string {
  return spinner[frame % spinner.length] as string;
}
