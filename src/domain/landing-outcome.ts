import type { Agent } from './agent.ts';
import type { EventType, RecordedEvent } from './events.ts';
import { type CheckReport, hasPassed } from './verification.ts';
import type { Workflow } from './workflow.ts';

/** What became of an agent's work in a landing. `open`: not decided yet. */
export const landedStates = [
  'landed',
  'waiting',
  'check_failed',
  'conflict',
  'failed',
  'cancelled',
  'skipped',
  'open',
] as const;
export type LandedState = (typeof landedStates)[number];

export interface LandedWork {
  readonly name: string;
  /** Its branch; null if it is not known. */
  readonly branch: string | null;
  readonly state: LandedState;
  /** Where the work is now if it landed or waits, or what failed its check; null otherwise. */
  readonly commit: string | null;
  /** Why it did not land, or why it waits. */
  readonly reason: string | null;
  /** For work that waits: how to take it. */
  readonly command: string | null;
  /** Of the last conflict, if that is why it did not land. */
  readonly paths: readonly string[];
  readonly between: readonly string[];
  /** The last command that checked it. */
  readonly check: CheckReport | null;
}

/** The events that {@link landingOutcome} reads. */
export const outcomeEvents = [
  'landing.moved',
  'landing.waiting',
  'landing.skipped',
  'landing.conflict',
  'verify.passed',
  'verify.failed',
] as const satisfies readonly EventType[];

type Of<T extends EventType> = Extract<RecordedEvent, { type: T }>;

/** What became of the work of each agent, in the order in which it lands, then what was skipped. */
export function landingOutcome(
  { agents }: Workflow,
  events: readonly RecordedEvent[],
): readonly LandedWork[] {
  const skipped = events.flatMap((event) =>
    event.type === 'landing.skipped' ? [{ ...nothing, ...event.data, state: 'skipped' as const }] : [],
  );
  return [
    ...agents.map((agent) =>
      outcomeOf(
        agent,
        events.filter(({ agentId }) => agentId === agent.id),
      ),
    ),
    ...skipped,
  ];
}

const nothing: Omit<LandedWork, 'name' | 'state'> = {
  ...{ branch: null, commit: null, reason: null, command: null },
  ...{ paths: [], between: [], check: null },
};

function outcomeOf(agent: Agent, events: readonly RecordedEvent[]): LandedWork {
  const { name, work } = agent;
  const last = <T extends EventType>(...types: readonly T[]): Of<T> | undefined =>
    events.findLast((event): event is Of<T> => (types as readonly string[]).includes(event.type));
  const checked = last('verify.passed', 'verify.failed');
  const check = checked?.data.report ?? null;
  const known = { ...nothing, name, branch: work?.branch ?? null, check };
  switch (agent.state) {
    case 'completed': {
      const end = last('landing.moved', 'landing.waiting');
      if (end === undefined) return { ...known, state: 'open' };
      if (end.type === 'landing.moved') return { ...known, state: 'landed', commit: end.data.to };
      const { reason, command, branch } = end.data;
      return { ...known, branch, state: 'waiting', commit: work?.commit ?? null, reason, command };
    }
    case 'failed': {
      const reason = agent.failure?.message ?? null;
      const conflict = last('landing.conflict');
      if (check !== null && !hasPassed(check) && (checked?.seq ?? 0) > (conflict?.seq ?? 0)) {
        return { ...known, state: 'check_failed', commit: check.commit, reason };
      }
      if (conflict === undefined) return { ...known, state: 'failed', reason };
      const { paths, between } = conflict.data;
      return { ...known, state: 'conflict', reason, paths, between };
    }
    case 'cancelled': {
      const { kind = null, message = null } = agent.failure ?? {};
      return { ...known, state: kind === 'dependency_failed' ? 'skipped' : 'cancelled', reason: message };
    }
    default:
      return { ...known, state: 'open' };
  }
}
