import { MaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { compareCheckLogs } from '../evidence/check-logs.ts';
import type { HashedEvent } from '../ports/maintenance.ts';
import type { Project } from '../project.ts';

type Needs = Pick<Project, 'store' | 'files' | 'host'>;

export interface AuditProblem {
  readonly where: 'table' | 'log' | 'checkpoint' | 'check';
  readonly kind: 'changed' | 'missing' | 'reordered' | 'cut';
  /** The first altered record. */
  readonly seq: number;
  readonly message: string;
}

export interface AuditReport {
  readonly session: SessionId;
  readonly sound: boolean;
  /** Number of records in the table. */
  readonly events: number;
  /** Hash of the last record up to which the chain is valid. A user who noted it earlier can compare. */
  readonly lastHash: string;
  readonly logRecords: number;
  /** Records that are not yet in session.log, when the session is live. */
  readonly logBehind: number;
  /** Checks whose logs are what the record of their result says. */
  readonly checkLogs: number;
  /** Checks whose logs are not there any more. */
  readonly checkLogsMissing: number;
  /** At most one problem each for table, log, checkpoints and each check, ordered by `seq`. */
  readonly problems: readonly AuditProblem[];
}

const pageSize = 1_000;

/**
 * Recomputes the hash chain of a session's events, and compares it with session.log, with the hashes in checkpoints, and
 * the logs of checks with the digests in it. Cannot detect a change that also replaced all later hashes, the log and all checkpoints.
 * @throws MaosError SESSION_NOT_FOUND, STORE_…
 */
export async function verifyAudit(project: Needs, id: SessionId): Promise<AuditReport> {
  const { session } = project.store.load(id);
  const table = verifyTable(project, id);
  const log = await verifyLog(project, id);
  // Read last, because the log may have grown since the table was read.
  const events = project.store.lastSeq(id);
  const logBehind = Math.max(0, events - log.records);
  const checks = await compareCheckLogs(project, id);
  const problems = [
    table.problem,
    log.problem,
    await verifyCheckpoints(project, id),
    ...checks.changed.map(({ seq, what }) => problem('check', 'changed', seq, what)),
  ];
  if (log.problem === null && isSessionEnded(session.state) && project.store.ownerOf(id) === null) {
    if (logBehind > 0) {
      problems.push(
        problem('log', 'cut', log.records + 1, `session.log ends after record ${log.records} of ${events}`),
      );
    }
  }
  if (table.problem === null && isSessionEnded(session.state) && table.ending !== session.state) {
    problems.push(
      problem('table', 'cut', table.events + 1, `the session is ${session.state}, but no record says so`),
    );
  }
  const found = problems.filter((one) => one !== null).sort((a, b) => a.seq - b.seq);
  return {
    session: id,
    sound: found.length === 0,
    events: table.events,
    lastHash: table.lastHash,
    logRecords: log.records,
    logBehind,
    checkLogs: checks.unchanged,
    checkLogsMissing: checks.missing,
    problems: found,
  };
}

function problem(
  where: AuditProblem['where'],
  kind: AuditProblem['kind'],
  seq: number,
  what: string,
): AuditProblem {
  return { where, kind, seq, message: `Record ${seq}: ${what}.` };
}

interface TableCheck {
  readonly problem: AuditProblem | null;
  readonly events: number;
  readonly lastHash: string;
  /** The session's state after the last record that ends or begins a run of it. */
  readonly ending: string | null;
}

function verifyTable({ store }: Needs, id: SessionId): TableCheck {
  let hash = '';
  let seq = 0;
  let events = 0;
  let ending: string | null = null;
  let first: AuditProblem | null = null;
  for (const { event, hash: stored } of tableRecords(store.maintenance, id)) {
    events += 1;
    if (first !== null) continue;
    const expected = seq + 1;
    if (event.seq !== expected)
      first = problem(
        'table',
        'missing',
        expected,
        `it is missing from the database, which continues with ${event.seq}`,
      );
    else if (store.maintenance.chainHash(hash, event) !== stored) {
      first = problem(
        'table',
        'changed',
        expected,
        'its hash does not match its content and the record before it',
      );
    } else {
      hash = stored;
      seq = event.seq;
      ending = endingOf(event.type) ?? ending;
    }
  }
  return { problem: first, events, lastHash: hash, ending };
}

function endingOf(type: string): string | null {
  const state = /^session\.(started|resumed|completed|failed|cancelled)$/.exec(type)?.[1];
  return state ?? null;
}

function* tableRecords(maintenance: Project['store']['maintenance'], id: SessionId): Generator<HashedEvent> {
  for (let after = 0; ; ) {
    const page = maintenance.hashedEvents(id, after, pageSize);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < pageSize) return;
    after = last.event.seq;
  }
}

/** Compares each line with the record of its position, by the record's own hash. */
async function verifyLog(
  { store, files }: Needs,
  id: SessionId,
): Promise<{ problem: AuditProblem | null; records: number }> {
  let records = 0;
  let previous = '';
  let page: readonly HashedEvent[] = [];
  const recordOf = (seq: number): HashedEvent | undefined => {
    const start = page[0]?.event.seq ?? 0;
    if (seq < start || seq >= start + page.length)
      page = store.maintenance.hashedEvents(id, seq - 1, pageSize);
    return page.find(({ event }) => event.seq === seq);
  };
  for await (const { event, whole, number } of files.maintenance.logLines(id)) {
    const expected = records + 1;
    const bad = (kind: AuditProblem['kind'], what: string) => ({
      problem: problem('log', kind, expected, `${what} (session.log, line ${number})`),
      records,
    });
    // A record that is being written, or was when its process was killed. The next write repairs it.
    if (event === null && !whole) break;
    if (event === null) return bad('changed', 'the line is not a record');
    if (event.seq > expected) {
      const comesLater = await hasLater(files, id, number, expected);
      return comesLater
        ? bad('reordered', `${event.seq} is in its position, and it comes later`)
        : bad('missing', `the log continues with ${event.seq}`);
    }
    if (event.seq < expected) return bad('reordered', `${event.seq} is in its position`);
    const record = recordOf(expected);
    if (record === undefined)
      return {
        ...bad('missing', 'it is in the log but not in the database'),
        problem: missingInTable(expected),
      };
    if (store.maintenance.chainHash(previous, event) !== record.hash)
      return bad('changed', 'the log and the database differ');
    previous = record.hash;
    records = expected;
  }
  return { problem: null, records };
}

function missingInTable(seq: number): AuditProblem {
  return problem('table', 'missing', seq, 'it is in session.log but not in the database');
}

async function hasLater(files: Project['files'], id: SessionId, line: number, seq: number): Promise<boolean> {
  for await (const { number, event } of files.maintenance.logLines(id)) {
    if (number > line && event?.seq === seq) return true;
  }
  return false;
}

async function verifyCheckpoints({ store, files }: Needs, id: SessionId): Promise<AuditProblem | null> {
  for (const { path, seq } of [...(await files.maintenance.checkpoints(id))].reverse()) {
    try {
      const { lastEvent } = await files.maintenance.readCheckpoint(id, path);
      const hash = store.maintenance.hashAt(id, lastEvent.seq);
      if (hash === null)
        return problem(
          'checkpoint',
          'cut',
          lastEvent.seq,
          `${path} was written after it, but it is not in the database`,
        );
      if (hash !== lastEvent.hash)
        return problem('checkpoint', 'changed', lastEvent.seq, `${path} recorded a different hash for it`);
    } catch (error) {
      if (!(error instanceof MaosError) || error.code !== 'INVALID_INPUT') throw error;
      return problem('checkpoint', 'changed', seq, error.message.replace(/\.$/, ''));
    }
  }
  return null;
}
