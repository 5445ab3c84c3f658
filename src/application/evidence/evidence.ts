import type { Agent } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { CheckReport } from '../../domain/verification.ts';
import type { ProgramExit } from '../ports/agent-disk.ts';
import type { Project } from '../project.ts';
import { type LogState, logStateOf } from './check-logs.ts';

type Needs = Pick<Project, 'store' | 'host'>;

/** What MAOS recorded about a session's work: facts of its event log, with the files that belong to them. */
export interface Evidence {
  readonly session: Session;
  readonly agents: readonly AgentEvidence[];
  /** Sessions that land its work, oldest first. */
  readonly landings: readonly Session[];
  /** The last event of the session, and the hash of the chain up to it. */
  readonly lastEvent: { readonly seq: number; readonly hash: string } | null;
}

export interface AgentEvidence {
  readonly agent: Agent;
  /** First fact: how its programs ended, attempt by attempt. */
  readonly attempts: readonly AttemptEvidence[];
  /** Third fact: what the checks found. The second, what its CLI said, is `agent.result`. */
  readonly checks: readonly CheckEvidence[];
  /** Number of fix rounds that have begun. */
  readonly fixRounds: number;
  readonly landed: readonly LandedEvidence[];
}

/** One start of an agent's program. */
export interface AttemptEvidence {
  readonly attempt: number;
  readonly startedAt: string;
  /** The event that ended it; null while it runs. */
  readonly end: RecordedEvent | null;
  /** The exit of its program; null if no record of it is left, as for all attempts but the last. */
  readonly exit: ProgramExit | null;
}

export interface CheckEvidence {
  readonly check: number;
  readonly command: string;
  readonly commit: string | null;
  readonly round: number;
  readonly startedAt: string;
  /** Null while it runs, or if it was interrupted. */
  readonly report: CheckReport | null;
  readonly log: { readonly location: string; readonly state: LogState };
}

/** What became of an agent's work in a session that lands it. */
export interface LandedEvidence {
  readonly sessionId: SessionId;
  readonly events: readonly LandingEvent[];
  readonly checks: readonly CheckEvidence[];
}

export type LandingEvent = Extract<RecordedEvent, { type: `landing.${string}` }>;

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
const landingEvents = [
  'landing.joined',
  'landing.moved',
  'landing.waiting',
  'landing.skipped',
  'landing.conflict',
  'landing.restarted',
] as const;
const wanted: readonly EventType[] = [
  'agent.started',
  'agent.fix_round',
  ...ends,
  ...checkEvents,
  ...landingEvents,
];

const pageSize = 1_000;

/**
 * @param name only this agent; null: all
 * @throws MaosError SESSION_NOT_FOUND
 */
export async function gatherEvidence(project: Needs, id: SessionId, name: string | null): Promise<Evidence> {
  const { store } = project;
  const { session, agents } = store.load(id);
  const events = eventsOf(project, id);
  const landings = store
    .landingsOf(id)
    .toReversed()
    .map((landing) => ({
      ...store.load(landing),
      events: eventsOf(project, landing),
    }));
  const chosen = agents.filter((agent) => name === null || agent.name === name);
  const evidence: AgentEvidence[] = [];
  for (const agent of chosen) {
    const landed: LandedEvidence[] = [];
    for (const landing of landings) {
      const by = landing.agents.find(({ lands }) => lands?.agentId === agent.id);
      const about = landing.events.filter((event) => isLanding(event) && event.data.name === agent.name);
      const checks = by === undefined ? [] : await checksOf(project, by, landing.events);
      if (about.length + checks.length === 0) continue;
      landed.push({ sessionId: landing.session.id, events: about as LandingEvent[], checks });
    }
    const own = events.filter((event) => event.agentId === agent.id);
    evidence.push({
      agent,
      attempts: await attemptsOf(project, agent, own),
      checks: await checksOf(project, agent, own),
      fixRounds: own.filter(({ type }) => type === 'agent.fix_round').length,
      landed,
    });
  }
  const seq = store.lastSeq(id);
  const hash = store.maintenance.hashAt(id, seq);
  return {
    session,
    agents: evidence,
    landings: landings.map((landing) => landing.session),
    lastEvent: hash === null ? null : { seq, hash },
  };
}

function eventsOf({ store }: Needs, id: SessionId): readonly RecordedEvent[] {
  const all: RecordedEvent[] = [];
  for (let after = 0; ; ) {
    const page = store.events(id, after, pageSize, wanted);
    all.push(...page);
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return all;
    after = last.seq;
  }
}

function isLanding(event: RecordedEvent): event is LandingEvent {
  return (landingEvents as readonly string[]).includes(event.type);
}

async function attemptsOf(
  { host }: Needs,
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

async function checksOf(
  { host }: Needs,
  agent: Agent,
  events: readonly RecordedEvent[],
): Promise<readonly CheckEvidence[]> {
  const checks = new Map<number, Omit<CheckEvidence, 'log'>>();
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
  return Promise.all(
    [...checks.values()].map(async (check) => ({
      ...check,
      log: {
        location: host.checkLocation(agent, check.check),
        state: await logStateOf({ host }, agent, check.check, check.report),
      },
    })),
  );
}
