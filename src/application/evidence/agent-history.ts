import type { Agent } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { CheckReport } from '../../domain/verification.ts';
import type { ProgramExit } from '../ports/agent-disk.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import type { Project } from '../project.ts';

/** What an agent's events say of its attempts and checks. */

/** One start of an agent's program. */
export interface AttemptEvidence {
  readonly attempt: number;
  readonly startedAt: string;
  /** The event that ended it; null while it runs. */
  readonly end: RecordedEvent | null;
  /** The exit of its program; null if no record of it is left, as for all attempts but the last. */
  readonly exit: ProgramExit | null;
}

/** One run of a command that checks its work. */
export interface CheckRecord {
  readonly check: number;
  readonly command: string;
  readonly commit: string | null;
  readonly round: number;
  readonly startedAt: string;
  /** Null while it runs, or if it was interrupted. */
  readonly report: CheckReport | null;
}

const ends = [
  'agent.finished',
  'agent.completed',
  'agent.failed',
  'agent.cancelled',
  'agent.postponed',
  'agent.fell_back',
  'agent.interrupted',
] as const satisfies readonly EventType[];
const checkEvents = ['verify.started', 'verify.passed', 'verify.failed'] as const;
/** The events that {@link attemptsOf} and {@link checksIn} read. */
export const historyEvents: readonly EventType[] = [
  'agent.started',
  'agent.fix_round',
  'landing.joined',
  ...ends,
  ...checkEvents,
];

const pageSize = 1_000;

/** All events of these types in a session, in order. @param since only those with a greater `seq` */
export function allEvents(
  store: Pick<SessionReader, 'events'>,
  id: SessionId,
  types: readonly EventType[],
  since = 0,
): readonly RecordedEvent[] {
  const all: RecordedEvent[] = [];
  for (let after = since; ; ) {
    const page = store.events(id, after, pageSize, types);
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return all;
    after = last.seq;
  }
}

/** @param events of the agent, in order */
export async function attemptsOf(
  { host }: Pick<Project, 'host'>,
  agent: Agent,
  events: readonly RecordedEvent[],
): Promise<readonly AttemptEvidence[]> {
  const attempts: { attempt: number; startedAt: string; end: RecordedEvent | null }[] = [];
  for (const event of events) {
    if (event.type === 'agent.started' || event.type === 'agent.fix_round') {
      attempts.push({ attempt: event.data.attempt, startedAt: event.at, end: null });
    }
    // No program has run.
    if (event.type === 'landing.joined') attempts.pop();
    const current = attempts.at(-1);
    // After its program has finished, only its checks are left to end.
    if (current?.end === null && (ends as readonly string[]).includes(event.type)) current.end = event;
  }
  return Promise.all(
    attempts.map(async (attempt) => ({ ...attempt, exit: await host.programExit(agent, attempt.attempt) })),
  );
}

/** @param events of its session, in order */
export function checksIn(agent: Agent, events: readonly RecordedEvent[]): readonly CheckRecord[] {
  const checks = new Map<number, CheckRecord>();
  for (const event of events) {
    if (event.agentId !== agent.id) continue;
    if (event.type === 'verify.started') {
      const { check, command, commit, round } = event.data;
      checks.set(check, { check, command, commit, round, startedAt: event.at, report: null });
    } else if (event.type === 'verify.passed' || event.type === 'verify.failed') {
      const { report } = event.data;
      const { check, command, commit, startedAt } = report;
      const begun = checks.get(check) ?? { check, command, commit, round: 0, startedAt };
      checks.set(check, { ...begun, startedAt, report });
    }
  }
  return [...checks.values()];
}
