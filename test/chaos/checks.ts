import { isDeepStrictEqual } from 'node:util';
import type { RecordedEvent } from '../../src/domain/events.ts';
import { descriptorOf } from '../../src/domain/events.ts';
import { eventHash } from '../../src/infrastructure/sqlite/event-hash.ts';
import { withSnakeCase } from '../../src/presentation/contracts/snake-case.ts';
import type { Assault } from './assaults.ts';
import { plannedStatus } from './plans.ts';
import {
  type LedgerLine,
  readEvents,
  readLedger,
  readSessionLog,
  readSessions,
  type StoredAgent,
  type StoredEvent,
  type StoredSession,
} from './records.ts';
import { type World, wholeLines } from './world.ts';

export const violationKinds = ['lost', 'ran twice', 'orphan', 'untrue', 'stuck'] as const;
export type ViolationKind = (typeof violationKinds)[number];

export interface Violation {
  readonly kind: ViolationKind;
  readonly what: string;
}

/** Numbers of a round, for the totals at the end. */
export interface Findings {
  readonly violations: readonly Violation[];
  readonly sessions: number;
  readonly agents: number;
  readonly starts: number;
  /** Number of records that were reported to a client, all of which were found again. */
  readonly acknowledged: number;
  readonly events: number;
}

/** Compares what MAOS has stored, once everything has settled, with what was observed from outside. */
export function checkRecords(world: World, assaults: readonly Assault[]): Findings {
  const violations: Violation[] = [];
  const report = (kind: ViolationKind, what: string): void => void violations.push({ kind, what });
  const sessions = readSessions(world.home);
  const events = readEvents(world.home);
  const ledger = readLedger(world.ledger);
  const acknowledged = acknowledgedEvents(world);
  const stored = new Map(events.map((event) => [`${event.sessionId} ${event.seq}`, event]));
  for (const event of acknowledged) {
    const { hash: _, ...found } = stored.get(`${event.sessionId} ${event.seq}`) ?? { hash: '' };
    // Printed events contain sentences in addition to the stored fields, and each name in snake_case too.
    const published = descriptorOf(event.type)?.published?.(event.data);
    const { data } = found as { readonly data?: object };
    const told = { ...found, data: withSnakeCase({ ...data, ...published }) };
    if (!isDeepStrictEqual(told, event)) report('lost', `said, but not stored: ${JSON.stringify(event)}`);
  }
  for (const id of acknowledgedSessions(world)) {
    if (!sessions.some((session) => session.id === id))
      report('lost', `session ${id} was answered, but not stored`);
  }
  for (const session of sessions) {
    const own = events.filter(({ sessionId }) => sessionId === session.id);
    checkChain(session, own, report);
    checkLog(world, session, own, report);
    checkOutcome(session, own, report);
    for (const agent of session.agents) {
      const lines = ledger.filter(({ agentId }) => agentId === agent.id);
      const hits = assaults.filter(({ agents }) => agents.has(agent.id));
      checkAgent(session, agent, own, lines, hits, report);
    }
  }
  const known = new Set(sessions.flatMap(({ agents }) => agents.map(({ id }) => id)));
  for (const { agentId } of ledger) {
    if (!known.has(agentId)) report('lost', `agent ${agentId} ran, but is not stored`);
  }
  return {
    violations,
    sessions: sessions.length,
    agents: known.size,
    starts: ledger.filter(({ what }) => what === 'start').length,
    acknowledged: acknowledged.length,
    events: events.length,
  };
}

type Report = (kind: ViolationKind, what: string) => void;

/** Every event that a `--json` command has printed; it was committed before. */
function acknowledgedEvents(world: World): readonly StoredEvent[] {
  return world.launched.flatMap(({ stdout, name }) => {
    if (name.endsWith('serve')) return [];
    return wholeLines(stdout).flatMap((line) => {
      const record = parsed(line);
      if (record === null || !('seq' in record)) return [];
      const { seq, type, session_id: sessionId, agent_id: agentId, at, data } = record;
      return [{ seq, type, sessionId, agentId, at, data } as StoredEvent];
    });
  });
}

/** Sessions in a server's responses. */
function acknowledgedSessions(world: World): readonly string[] {
  return world.launched.flatMap(({ stdout, name }) => {
    if (!name.endsWith('serve')) return [];
    return wholeLines(stdout).flatMap((line) => {
      const answer = parsed(line) as { result?: { structuredContent?: { session_id?: string } } } | null;
      return answer?.result?.structuredContent?.session_id ?? [];
    });
  });
}

function parsed(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? { ...value } : null;
  } catch {
    // A document of several lines, as some commands print.
    return null;
  }
}

function checkChain(
  { id }: StoredSession,
  events: readonly (StoredEvent & { hash: string })[],
  report: Report,
): void {
  let previous = '';
  for (const [index, { hash, ...event }] of events.entries()) {
    if (event.seq !== index + 1) {
      report('lost', `session ${id}: event ${index + 1} is missing`);
      return;
    }
    previous = eventHash(previous, event as RecordedEvent);
    if (hash !== previous) {
      report('untrue', `session ${id}: the chain is broken at event ${event.seq}`);
      return;
    }
  }
}

function checkLog(
  world: World,
  { id }: StoredSession,
  events: readonly (StoredEvent & { hash: string })[],
  report: Report,
): void {
  const expected = events.map(({ hash: _, ...event }) => event);
  const found = readSessionLog(world.home, id);
  if (isDeepStrictEqual(found, expected)) return;
  const seqs = found?.map(({ seq }) => seq).join(' ') ?? 'missing';
  report('lost', `session ${id}: its log has other records than the table (${expected.length}): ${seqs}`);
}

function checkOutcome(
  { id, state, agents }: StoredSession,
  events: readonly StoredEvent[],
  report: Report,
): void {
  const all = agents.every((agent) => agent.state === 'completed');
  if (state === 'completed' && !all) report('untrue', `session ${id} is completed, its agents are not`);
  if (state !== 'completed' && all) report('untrue', `session ${id} is ${state}, all its agents completed`);
  const open = agents.filter((agent) => !/^(completed|failed|cancelled)$/.test(agent.state));
  if (/^(completed|failed|cancelled)$/.test(state) && open.length > 0) {
    report('untrue', `session ${id} is ${state}, ${open.map((agent) => `${agent.name} ${agent.state}`)}`);
  }
  if (state === 'cancelled' && !events.some(({ type }) => type === 'session.requested')) {
    report('untrue', `session ${id} is cancelled, and nobody asked for it`);
  }
}

/**
 * Whether an agent was retried on request after it was cancelled (under fail_fast it may still have succeeded), or had
 * failed because its wrapper was killed. No record shows what such an agent did until its end.
 */
function wasRetriedByRequest(id: string, events: readonly StoredEvent[]): boolean {
  const own = events.filter(({ agentId }) => agentId === id);
  const open = own.findIndex(
    ({ type, data }) =>
      type === 'agent.cancelled' ||
      (type === 'agent.failed' && ['lost', 'signal'].includes((data as { kind: string }).kind)),
  );
  return open >= 0 && own.slice(open).some(({ type }) => type === 'agent.retried');
}

function checkAgent(
  session: StoredSession,
  agent: StoredAgent,
  events: readonly StoredEvent[],
  lines: readonly LedgerLine[],
  hits: readonly Assault[],
  report: Report,
): void {
  const who = `agent ${agent.id} (${agent.name} of ${session.id})`;
  const starts = lines.filter(({ what }) => what === 'start');
  const recorded = events.filter(({ type, agentId }) => type === 'agent.started' && agentId === agent.id);
  if (recorded.length !== agent.attempt) {
    report('untrue', `${who} has ${agent.attempt} attempts, and ${recorded.length} starts in the events`);
  }
  if (starts.length > agent.attempt) {
    report('ran twice', `${who} ran ${starts.length} times in ${agent.attempt} attempts`);
  }
  for (const { pid } of lines.filter(({ what }) => what === 'overlap')) {
    report('ran twice', `${who} ran as ${pid} while an earlier run of it still lived`);
  }
  for (const end of lines.filter(({ what, status }) => what === 'end' && status === 0)) {
    const again = starts.find(({ offset }) => offset > end.offset);
    if (again === undefined) continue;
    if (wasRetriedByRequest(agent.id, events)) continue;
    // It was killed between its last output and its exit.
    if (hits.some(({ from, to }) => to >= end.offset && from <= again.offset)) continue;
    report('ran twice', `${who} had ended as ${end.pid}, and was started again as ${again.pid}`);
  }
  const complaint = untruth(session, agent, lines, hits);
  if (complaint !== null) report('untrue', `${who} ${complaint}`);
}

/** Why the recorded end of an agent is wrong; null if it is right. */
function untruth(
  session: StoredSession,
  agent: StoredAgent,
  lines: readonly LedgerLine[],
  hits: readonly Assault[],
): string | null {
  const last = lines.at(-1);
  const end = last?.what === 'end' ? last : null;
  const said = `is ${agent.state}${agent.failureKind === null ? '' : ` (${agent.failureKind}: ${agent.failureMessage})`}`;
  const stateOf = new Map(session.agents.map(({ id, state }) => [id, state]));
  switch (agent.state) {
    case 'completed':
      return end?.status === 0 ? null : `${said}, its last line is '${last?.what} ${last?.status}'`;
    case 'failed':
      if (hits.length > 0) return null;
      if (agent.failureKind === 'exit_code' && end !== null && end.status === plannedStatus(agent))
        return null;
      return `${said}, its last line is '${last?.what} ${last?.status}', and nobody had killed it`;
    case 'cancelled': {
      const doomed = agent.dependsOn.some((id) => stateOf.get(id) !== 'completed');
      const failFast =
        session.failurePolicy === 'fail_fast' && session.agents.some(({ state }) => state === 'failed');
      return doomed || failFast || session.state === 'cancelled' ? null : `${said} without a reason`;
    }
    default:
      // Already reported for its session.
      return null;
  }
}
