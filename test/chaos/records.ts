import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { wholeLines } from './world.ts';

/** The data that MAOS has stored, read with separate SQL. */
export interface StoredSession {
  readonly id: string;
  readonly state: string;
  readonly pauseReason: string | null;
  readonly failurePolicy: string;
  readonly owner: string | null;
  readonly agents: readonly StoredAgent[];
}

export interface StoredAgent {
  readonly id: string;
  readonly name: string;
  readonly state: string;
  readonly attempt: number;
  /** JSON; null for a backend without commands. */
  readonly command: string | null;
  readonly task: string;
  readonly failureKind: string | null;
  readonly failureMessage: string | null;
  readonly dependsOn: readonly string[];
}

export interface StoredEvent {
  readonly seq: number;
  readonly type: string;
  readonly sessionId: string;
  readonly agentId: string | null;
  readonly at: string;
  readonly data: unknown;
}

function storeOf(home: string): string {
  const projects = join(home, 'projects');
  const [hash] = existsSync(projects) ? readdirSync(projects) : [];
  return join(projects, hash ?? '-', 'project.db');
}

/** The database of the only project in a home; null if it does not exist yet. */
function openStore(home: string): DatabaseSync | null {
  const file = storeOf(home);
  return existsSync(file) ? new DatabaseSync(file, { readOnly: true, timeout: 10_000 }) : null;
}

/**
 * Takes the write lock of the store, as any program could. @returns a function that releases it; null if there is no
 * store yet
 */
export function lockStore(home: string): (() => void) | null {
  const file = storeOf(home);
  if (!existsSync(file)) return null;
  const db = new DatabaseSync(file, { timeout: 1_000 });
  try {
    db.exec('BEGIN IMMEDIATE');
  } catch {
    // Other processes held the lock all the time.
    db.close();
    return null;
  }
  return () => db.close();
}

function reading<T>(home: string, empty: T, read: (db: DatabaseSync) => T): T {
  const db = openStore(home);
  try {
    return db === null || !isMade(db) ? empty : read(db);
  } finally {
    db?.close();
  }
}

/** False while MAOS creates the database, and after it was killed in doing so. */
function isMade(db: DatabaseSync): boolean {
  try {
    return db.prepare("SELECT 1 FROM sqlite_master WHERE name = 'sessions'").get() !== undefined;
  } catch (error) {
    // The next writer rolls back an incomplete creation (SQLITE_READONLY_ROLLBACK), and no session has been written
    // yet.
    if ((error as { errcode?: number }).errcode === 776) return false;
    throw error;
  }
}

export function readSessions(home: string): readonly StoredSession[] {
  return reading(home, [], (db) => {
    const edges = db.prepare('SELECT agent_id, depends_on_id FROM agent_dependencies').all();
    const agents = db.prepare('SELECT * FROM agents ORDER BY session_id, position').all();
    return db
      .prepare('SELECT * FROM sessions ORDER BY id')
      .all()
      .map((row) => ({
        id: String(row.id),
        state: String(row.state),
        pauseReason: row.pause_reason as string | null,
        failurePolicy: String(row.failure_policy),
        owner: row.owner_id as string | null,
        agents: agents
          .filter((agent) => agent.session_id === row.id)
          .map((agent) => ({
            id: String(agent.id),
            name: String(agent.name),
            state: String(agent.state),
            attempt: Number(agent.attempt),
            command: agent.command as string | null,
            task: String(agent.task),
            failureKind: agent.failure_kind as string | null,
            failureMessage: agent.failure_message as string | null,
            dependsOn: edges
              .filter((edge) => edge.agent_id === agent.id)
              .map((edge) => String(edge.depends_on_id)),
          })),
      }));
  });
}

/** Events with the hash that was stored for each. */
export function readEvents(home: string): readonly (StoredEvent & { readonly hash: string })[] {
  return reading(home, [], (db) =>
    db
      .prepare('SELECT * FROM events ORDER BY session_id, seq')
      .all()
      .map((row) => ({
        seq: Number(row.seq),
        type: String(row.type),
        sessionId: String(row.session_id),
        agentId: row.agent_id as string | null,
        at: String(row.at),
        data: JSON.parse(String(row.data)),
        hash: String(row.hash),
      })),
  );
}

/** The events in a session's own log; null when there is none. */
export function readSessionLog(home: string, sessionId: string): readonly StoredEvent[] | null {
  const projects = join(home, 'projects');
  const path = join(projects, readdirSync(projects)[0] ?? '-', 'sessions', sessionId, 'session.log');
  return existsSync(path) ? wholeLines(path).map((line) => JSON.parse(line) as StoredEvent) : null;
}

/** The workers' own records, in order. `offset` is in bytes from the start of the ledger. */
export interface LedgerLine {
  readonly what: 'start' | 'end' | 'overlap';
  readonly agentId: string;
  readonly pid: number;
  /** The exit status at an end. */
  readonly status: number | null;
  readonly offset: number;
}

export function readLedger(path: string): readonly LedgerLine[] {
  let offset = 0;
  return wholeLines(path).map((line) => {
    const [what, agentId = '', pid, status] = line.split(' ');
    const found = {
      what: what as LedgerLine['what'],
      agentId,
      pid: Number(pid),
      status: status === undefined ? null : Number(status),
      offset,
    };
    offset += Buffer.byteLength(line) + 1;
    return found;
  });
}
