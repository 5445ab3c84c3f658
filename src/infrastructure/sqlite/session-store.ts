import type { AcpRunRecord, AcpRunStore } from '../../application/ports/acp-runs.ts';
import type { Clock } from '../../application/ports/clock.ts';
import type { FeedStore } from '../../application/ports/feed.ts';
import type { InputRequestStore } from '../../application/ports/input-requests.ts';
import type { MaintenanceStore } from '../../application/ports/maintenance.ts';
import type { MessageStore } from '../../application/ports/messages.ts';
import type { MilestoneStore } from '../../application/ports/milestones.ts';
import type { NotificationStore } from '../../application/ports/notifications.ts';
import type { Lease, SessionRequest, UnfinishedSession } from '../../application/ports/ownership.ts';
import type { PathClaimStore } from '../../application/ports/path-claims.ts';
import type { SessionSearch } from '../../application/ports/session-reader.ts';
import {
  AgentIdTaken,
  KeyTaken,
  LandingTaken,
  type SessionStore,
} from '../../application/ports/session-store.ts';
import type { ArtifactRecord, SessionSummary } from '../../application/ports/session-summary.ts';
import type { Team } from '../../application/ports/teams.ts';
import { type Agent, isAgentEnded } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import type { EventType, RecordedEvent } from '../../domain/events.ts';
import type { AgentId, InstanceId, SessionId } from '../../domain/ids.ts';
import { isSessionEnded, type ParentAgent, type Session, type SessionState } from '../../domain/session.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import { insertAcpRun, makeAcpRunStore } from './acp-run-store.ts';
import { canonicalJson, sha256 } from './event-hash.ts';
import { makeFeedStore } from './feed-store.ts';
import { makeInputRequestStore, withdrawOfEnded } from './input-request-store.ts';
import { makeMaintenanceStore } from './maintenance-store.ts';
import { buryUndelivered } from './message-rows.ts';
import { makeMessageStore } from './message-store.ts';
import { projectMigrations } from './migrations.ts';
import { makeMilestoneStore } from './milestone-store.ts';
import { insertNotifications, makeNotificationStore, type NotifyBy } from './notification-store.ts';
import { type Database, type OnTightened, openDatabase, readRow } from './open-database.ts';
import { makePathClaimStore } from './path-claim-store.ts';
import {
  acquireSession,
  announceExit,
  assertNoRetryAsked,
  beatOwner,
  closeRequests,
  holdsLease,
  putHeartbeat,
  putRequests,
  readDueForResume,
  readOwner,
  readRequests,
  readTeams,
  readUnfinished,
  releaseSession,
} from './session-ownership.ts';
import {
  findAgents,
  findSessions,
  findSessionWithKey,
  listSummaries,
  loadWorkflow,
  readArtifacts,
  readEvents,
  readLandings,
  readLastSeq,
  readSummary,
  searchSummaries,
} from './workflow-reader.ts';
import {
  appendEvents,
  assertLease,
  insertArtifacts,
  insertWorkflow,
  updateWorkflow,
} from './workflow-writer.ts';

export interface SessionStoreOptions {
  /** Absolute path of the project's `project.db`; created with its folder when missing. */
  readonly file: string;
  readonly project: {
    /** SHA-256 (hex) of the canonical path. */
    readonly hash: string;
    readonly path: string;
  };
  /** Sets the heartbeats that creating and acquiring imply. Default: the system's clock. */
  readonly clock?: Pick<Clock, 'now'>;
  /** How long a method blocks the process while another one writes, in milliseconds. Default 20. */
  readonly busyTimeoutMs?: number;
  /** The ways in which each type of event is sent as a notification. Default: none. */
  readonly notifyBy?: NotifyBy;
  /** As in DatabaseOptions. */
  readonly onTightened?: OnTightened | undefined;
}

/**
 * Opens the sessions of one project. Writes nothing unless the file is new or has an older schema.
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN, CONFIG_INVALID (written by a newer maos),
 *   RESOURCE_LIMIT_EXCEEDED
 */
export function openSessionStore(options: SessionStoreOptions): SessionStore {
  const { file, busyTimeoutMs, onTightened } = options;
  const db = openDatabase({
    file,
    migrations: projectMigrations,
    table: 'sessions',
    onTightened,
    synchronous: 'FULL',
    ...(busyTimeoutMs === undefined ? {} : { busyTimeoutMs }),
  });
  return new SqliteSessionStore(db, options);
}

/**
 * The path of the project that a database belongs to; null before its first session. Neither creates nor changes the
 * database.
 * @throws MaosError STORE_CORRUPT, STORE_BUSY, FORBIDDEN
 */
export function readProjectOf(file: string): string | null {
  const row = readRow(file, 'sessions', 'SELECT path FROM projects LIMIT 1');
  return row === undefined ? null : String(row.path);
}

const insertProject =
  'INSERT INTO projects (hash, path, created_at) VALUES (?, ?, ?) ON CONFLICT (hash) DO NOTHING';
const selectAgentSession = 'SELECT session_id FROM agents WHERE id = ?';
const dataVersion = 'PRAGMA data_version';

class SqliteSessionStore implements SessionStore {
  readonly #db: Database;
  readonly #project: SessionStoreOptions['project'];
  readonly #now: () => string;
  /**
   * SQLite's data_version counts writes of other connections only, but requests made through this one count as changes
   * too.
   */
  #requestsMade = 0;
  readonly maintenance: MaintenanceStore;
  readonly messages: MessageStore;
  readonly inputRequests: InputRequestStore;
  readonly pathClaims: PathClaimStore;
  readonly milestones: MilestoneStore;
  readonly feed: FeedStore;
  readonly acpRuns: AcpRunStore;
  readonly notifications: NotificationStore;
  readonly #notifyBy: NotifyBy;

  constructor(db: Database, { project, clock, notifyBy = () => [] }: SessionStoreOptions) {
    this.#db = db;
    this.#project = project;
    this.maintenance = makeMaintenanceStore(db, project);
    this.messages = makeMessageStore(db);
    this.inputRequests = makeInputRequestStore(db, notifyBy);
    this.pathClaims = makePathClaimStore(db);
    this.milestones = makeMilestoneStore(db);
    this.feed = makeFeedStore(db);
    this.acpRuns = makeAcpRunStore(db);
    this.notifications = makeNotificationStore(db);
    this.#notifyBy = notifyBy;
    this.#now = clock === undefined ? () => new Date().toISOString() : () => clock.now();
  }

  create({ next, events }: Change, owner: InstanceId, acpRun: AcpRunRecord | null = null): Lease {
    const { session, agents } = next;
    assertOneSession(session.id, { next, events });
    const now = this.#now();
    this.#db.write(() => {
      this.#assertNewAgents(agents.map((agent) => agent.id));
      this.#assertOnlyLanding(session);
      this.#assertNewKey(session);
      this.#db.sql(insertProject).run(this.#project.hash, this.#project.path, now);
      putHeartbeat(this.#db, owner, now);
      insertWorkflow(this.#db, next, this.#project.hash, owner);
      appendEvents(this.#db, session.id, events);
      if (acpRun !== null) insertAcpRun(this.#db, session.id, acpRun);
    });
    return { sessionId: session.id, owner, epoch: 1 };
  }

  /** Two sessions that land the same work at once would check it twice, and the second would land nothing. */
  #assertOnlyLanding({ landing }: Session): void {
    if (landing === null) return;
    const open = readLandings(this.#db, landing.sessionId).find(({ state }) => !isSessionEnded(state));
    if (open !== undefined) throw new LandingTaken(open.id, landing.sessionId);
  }

  #assertNewKey({ idempotency }: Session): void {
    const holder = idempotency === null ? null : this.sessionWithKey(idempotency.key);
    if (idempotency !== null && holder !== null) throw new KeyTaken(idempotency.key, holder);
  }

  load(id: SessionId): Workflow {
    return loadWorkflow(this.#db, id);
  }

  commit(
    lease: Lease,
    previous: Workflow,
    change: Change,
    artifacts: readonly ArtifactRecord[] = [],
  ): readonly RecordedEvent[] {
    const { sessionId } = lease;
    assertOneSession(sessionId, change);
    return this.#db.write(() => {
      assertLease(this.#db, lease);
      const { state } = change.next.session;
      const ends = isSessionEnded(state) && !isSessionEnded(previous.session.state);
      if (ends && state !== 'cancelled') assertNoRetryAsked(this.#db, sessionId);
      // Before the session's end is stored, which closes its log.
      buryUndelivered(this.#db, endedAgents(previous, change.next), this.#now());
      updateWorkflow(this.#db, previous, change.next);
      insertArtifacts(this.#db, sessionId, artifacts);
      closeRequests(this.#db, sessionId, change, ends);
      const withdrawn = withdrawOfEnded(this.#db, previous, change.next, this.#now());
      const recorded = appendEvents(this.#db, sessionId, [...withdrawn, ...change.events]);
      insertNotifications(this.#db, recorded, this.#notifyBy);
      return recorded;
    });
  }

  summary(id: SessionId): SessionSummary {
    return readSummary(this.#db, id);
  }

  list(query: { state?: SessionState; limit: number; before?: SessionId }): readonly SessionSummary[] {
    return listSummaries(this.#db, query);
  }

  search(query: SessionSearch): readonly SessionSummary[] {
    return searchSummaries(this.#db, query);
  }

  landingsOf(id: SessionId): readonly SessionId[] {
    return readLandings(this.#db, id).map((landing) => landing.id);
  }

  sessionWithKey(key: string): SessionId | null {
    return findSessionWithKey(this.#db, key);
  }

  findSessions(text: string, limit: number): readonly SessionId[] {
    return findSessions(this.#db, text, limit);
  }

  findAgents(text: string, limit: number): readonly { sessionId: SessionId; agentId: AgentId }[] {
    return findAgents(this.#db, text, limit);
  }

  events(
    id: SessionId,
    after: number,
    limit: number,
    types?: readonly EventType[],
  ): readonly RecordedEvent[] {
    return readEvents(this.#db, id, after, limit, types);
  }

  lastSeq(id: SessionId): number {
    return readLastSeq(this.#db, id);
  }

  artifacts(id: SessionId): readonly ArtifactRecord[] {
    return readArtifacts(this.#db, id);
  }

  request(requests: SessionRequest | readonly SessionRequest[], by: string, at: string): boolean {
    const changed = putRequests(this.#db, [requests].flat(), by, at);
    this.#requestsMade += 1;
    return changed;
  }

  requestsFor(owner: InstanceId): readonly SessionRequest[] {
    return readRequests(this.#db, owner);
  }

  acquire(
    id: SessionId,
    owner: InstanceId,
    when: { staleBefore: string; knownDead?: InstanceId },
  ): Lease | null {
    return acquireSession(this.#db, id, owner, when, this.#now());
  }

  release(lease: Lease): void {
    releaseSession(this.#db, lease);
  }

  holds(lease: Lease): boolean {
    return holdsLease(this.#db, lease);
  }

  ownerOf(id: SessionId): InstanceId | null {
    return readOwner(this.#db, id);
  }

  unfinished(): readonly UnfinishedSession[] {
    return readUnfinished(this.#db);
  }

  teamsOf(parent: ParentAgent): readonly Team[] {
    return readTeams(this.#db, parent);
  }

  dueForResume(at: string): readonly SessionId[] {
    return readDueForResume(this.#db, at);
  }

  heartbeat(owner: InstanceId, at: string): readonly Lease[] {
    return beatOwner(this.#db, owner, at);
  }

  announceExit(owner: InstanceId): void {
    announceExit(this.#db, owner);
  }

  dataVersion(): number {
    return this.#db.run(() => Number(this.#db.sql(dataVersion).get()?.data_version)) + this.#requestsMade;
  }

  planDigest(plan: object): string {
    return sha256(canonicalJson(plan));
  }

  get isLost(): boolean {
    return this.#db.isLost;
  }

  close(): void {
    this.#db.close();
  }

  /**
   * Ids with six random characters can collide: at 10,000 sessions of the same shape with a probability of about 1 in
   * 50.
   */
  #assertNewAgents(ids: readonly AgentId[]): void {
    for (const id of ids) {
      const row = this.#db.sql(selectAgentSession).get(id);
      if (row !== undefined) throw new AgentIdTaken(id, row.session_id as SessionId);
    }
  }
}

function endedAgents(previous: Workflow, next: Workflow): readonly Agent[] {
  const before = new Map(previous.agents.map(({ id, state }) => [id, state]));
  return next.agents.filter(({ id, state }) => isAgentEnded(state) && before.get(id) !== state);
}

function assertOneSession(id: SessionId, { next, events }: Change): void {
  const strangers = [next.session.id, ...next.agents.map((agent) => agent.sessionId)];
  const stranger = [...strangers, ...events.map((event) => event.sessionId)].find((other) => other !== id);
  if (stranger === undefined) return;
  throw new MaosError(
    'INTERNAL',
    `A change of session ${id} names session ${stranger}; nothing was stored.`,
    {
      details: { sessionId: id, other: stranger },
    },
  );
}
