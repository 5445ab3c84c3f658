import type { Agent } from '../../domain/agent.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { Session } from '../../domain/session.ts';
import type { Project } from '../project.ts';
import {
  type AttemptEvidence,
  allEvents,
  attemptsOf,
  type CheckRecord,
  checksIn,
  historyEvents,
} from './agent-history.ts';
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

export interface CheckEvidence extends CheckRecord {
  readonly log: { readonly location: string; readonly state: LogState };
}

/** What became of an agent's work in a session that lands it. */
export interface LandedEvidence {
  readonly sessionId: SessionId;
  readonly events: readonly LandingEvent[];
  readonly checks: readonly CheckEvidence[];
}

export type LandingEvent = Extract<RecordedEvent, { type: `landing.${string}` }>;

const landingEvents = [
  'landing.joined',
  'landing.moved',
  'landing.waiting',
  'landing.skipped',
  'landing.conflict',
  'landing.restarted',
] as const;
const wanted: readonly EventType[] = [...historyEvents, ...landingEvents];

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
  return allEvents(store, id, wanted);
}

function isLanding(event: RecordedEvent): event is LandingEvent {
  return (landingEvents as readonly string[]).includes(event.type);
}

async function checksOf(
  { host }: Needs,
  agent: Agent,
  events: readonly RecordedEvent[],
): Promise<readonly CheckEvidence[]> {
  return Promise.all(
    checksIn(agent, events).map(async (check) => ({
      ...check,
      log: {
        location: host.checkLocation(agent, check.check),
        state: await logStateOf({ host }, agent, check.check, check.report),
      },
    })),
  );
}
