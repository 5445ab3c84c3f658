import { isMaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { NotRemoved, RetentionPolicy, SessionAge } from '../ports/maintenance.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';

type Needs = Pick<Project, 'store' | 'files' | 'settings' | 'watcher' | 'clock' | 'log'>;

/** `leftover`: an unfinished earlier removal, or a folder without a session. */
export type RemovalReason = 'age' | 'count' | 'bytes' | 'leftover';

export interface GarbageReport {
  readonly dryRun: boolean;
  /** Sessions that were removed, or would be, in this order. */
  readonly removed: readonly {
    readonly id: SessionId;
    readonly reason: RemovalReason;
    readonly endedAt: string | null;
    readonly bytes: number;
  }[];
  readonly removedBytes: number;
  readonly kept: number;
  /** Null unless a size limit applies, because it requires a stat of every file. */
  readonly keptBytes: number | null;
  /** From removed sessions, now or earlier; the next collection tries again. */
  readonly notRemoved: readonly NotRemoved[];
}

type RemovalCandidate = GarbageReport['removed'][number];

/** Sessions per removal; a kill leaves at most this many folders behind. */
const batchSize = 50;
/** How long a removal may hold the store at a time, and the minimum pause after it for processes that run sessions. */
const holdMs = 10;
const restMs = 10;
/** Number of folders measured in parallel. */
const lookers = 4;
/** An owner without a heartbeat for this long does not count; far longer than any lease. */
const ownerPatienceMs = 3_600_000;
/** A removal of another process that is older than this was interrupted. */
const removalPatienceMs = 3_600_000;

/**
 * Removes sessions by age, number and size, those that ended first before others, and never a live one. Killed at any
 * moment, it leaves every session either complete or gone; the next collection removes remaining files.
 * @param signal stops it between two steps
 */
export async function collectGarbage(
  project: Needs,
  policy: RetentionPolicy,
  now: string,
  dryRun: boolean,
  signal: AbortSignal | null = null,
): Promise<GarbageReport> {
  const staleBefore = earlier(now, ownerPatienceMs);
  const sessions = project.store.maintenance.sessionAges(staleBefore);
  const leftovers = await findLeftovers(project, policy, now, new Set(sessions.map(({ id }) => id)));
  const { candidates, keptBytes } = await decide(project, policy, now, sessions);
  const found: RemovalCandidate[] = [...leftovers, ...candidates];
  const removed: RemovalCandidate[] = dryRun ? found : [];
  const notRemoved: NotRemoved[] = [];
  if (!dryRun) {
    notRemoved.push(...(await endOldRemovals(project, now)));
    for (let from = 0; from < found.length && signal?.aborted !== true; from += batchSize) {
      const batch = await removeOnFullDisk(project, found.slice(from, from + batchSize), staleBefore, now);
      removed.push(...batch.removed);
      notRemoved.push(...batch.notRemoved);
    }
    await noteCollection(project, now);
  }
  const gone = removed.filter(({ reason }) => reason !== 'leftover').length;
  const removedBytes = removed.reduce((sum, { bytes }) => sum + bytes, 0);
  return { dryRun, removed, removedBytes, kept: sessions.length - gone, keptBytes, notRemoved };
}

/** Which sessions must be removed to satisfy the limits, and how many bytes remain. */
async function decide(
  { files }: Needs,
  { maxAgeMs, maxSessions, maxBytes }: RetentionPolicy,
  now: string,
  sessions: readonly SessionAge[],
): Promise<{ candidates: readonly RemovalCandidate[]; keptBytes: number | null }> {
  const oldest = maxAgeMs === null ? null : earlier(now, maxAgeMs);
  const removable = sessions.filter(({ live, endedAt }) => !live && endedAt !== null);
  const reasons = new Map<SessionId, RemovalReason>();
  for (const { id, endedAt } of removable) {
    const isOld = oldest !== null && (endedAt as string) < oldest;
    const isMany = maxSessions !== null && sessions.length - reasons.size > maxSessions;
    // The remaining sessions ended later, so neither limit applies to them.
    if (!isOld && !isMany) break;
    reasons.set(id, isOld ? 'age' : 'count');
  }
  const sizes = maxBytes === null ? null : await sizesOf(files, sessions);
  if (sizes !== null && maxBytes !== null) {
    const rest = sessions.filter(({ id }) => !reasons.has(id));
    for (const id of tooMuch(rest, sizes, maxBytes)) reasons.set(id, 'bytes');
  }
  const candidates: RemovalCandidate[] = [];
  const ends = new Map(removable.map(({ id, endedAt }) => [id, endedAt]));
  for (const [id, reason] of reasons) {
    const endedAt = ends.get(id) ?? null;
    candidates.push({ id, reason, endedAt, bytes: sizes?.get(id) ?? (await files.maintenance.sizeOf(id)) });
  }
  const kept = sessions.filter(({ id }) => !reasons.has(id));
  return { candidates, keptBytes: sizes === null ? null : totalOf(kept, sizes) };
}

/** A session that takes more than this share of the limit counts as large. */
const largeShare = 0.1;

/**
 * Which sessions to remove so that the rest fits. Large ones go first; a small session is never removed because of the
 * space that large ones take, even if those cannot be removed. Among each kind, those that ended first go first.
 */
function tooMuch(
  sessions: readonly SessionAge[],
  sizes: ReadonlyMap<SessionId, number>,
  limit: number,
): readonly SessionId[] {
  const candidates: SessionId[] = [];
  const isLarge = ({ id }: SessionAge): boolean => (sizes.get(id) ?? 0) > limit * largeShare;
  const remove = (from: readonly SessionAge[], total: number): void => {
    let left = total;
    for (const { id, live, endedAt } of from) {
      if (left <= limit) return;
      if (live || endedAt === null) continue;
      candidates.push(id);
      left -= sizes.get(id) ?? 0;
    }
  };
  const others = sessions.filter((session) => !isLarge(session));
  remove(sessions.filter(isLarge), totalOf(sessions, sizes));
  remove(others, totalOf(others, sizes));
  return candidates;
}

function totalOf(sessions: readonly SessionAge[], sizes: ReadonlyMap<SessionId, number>): number {
  return sessions.reduce((sum, { id }) => sum + (sizes.get(id) ?? 0), 0);
}

async function sizesOf(
  { maintenance }: Project['files'],
  sessions: readonly SessionAge[],
): Promise<ReadonlyMap<SessionId, number>> {
  const sizes = new Map<SessionId, number>();
  let next = 0;
  const look = async (): Promise<void> => {
    for (let session = sessions[next++]; session !== undefined; session = sessions[next++]) {
      sizes.set(session.id, await maintenance.sizeOf(session.id));
    }
  };
  await Promise.all(Array.from({ length: lookers }, look));
  return sizes;
}

/**
 * Folders without a session: of unfinished removals, and those unchanged for as long as sessions are kept. A newer one
 * may be what remains of a session after a database was lost, from which it can be recovered.
 */
async function findLeftovers(
  { files: { maintenance } }: Needs,
  { maxAgeMs }: RetentionPolicy,
  now: string,
  known: ReadonlySet<SessionId>,
): Promise<readonly RemovalCandidate[]> {
  const begun = new Set((await maintenance.removals()).flatMap(({ sessions }) => sessions));
  const found: RemovalCandidate[] = [];
  for (const id of await maintenance.folders()) {
    if (known.has(id)) continue;
    const changed = begun.has(id) ? null : await maintenance.lastChange(id);
    const isOld = maxAgeMs !== null && changed !== null && changed < earlier(now, maxAgeMs);
    if (begun.has(id) || isOld) {
      found.push({ id, reason: 'leftover', endedAt: null, bytes: await maintenance.sizeOf(id) });
    }
  }
  return found;
}

/** Completes removals that were interrupted. */
async function endOldRemovals(
  { files: { maintenance }, store }: Needs,
  now: string,
): Promise<readonly NotRemoved[]> {
  // First, because otherwise what the loop below leaves would be tried and reported twice.
  const left = [...(await maintenance.sweep())];
  for (const removal of await maintenance.removals()) {
    for (const id of removal.sessions) {
      if (!store.maintenance.exists(id)) left.push(...(await maintenance.discard(id)));
    }
    const isOver = removal.sessions.every((id) => !store.maintenance.exists(id));
    if (isOver || removal.begunAt < earlier(now, removalPatienceMs)) await maintenance.endRemoval(removal);
  }
  return left;
}

/**
 * Removing a session needs disk space too, to record the removal and to change the store. If there is none, removes
 * folders one by one until there is. A kill then leaves a session without its folder; as it ended first, it is the
 * first that the next collection removes.
 */
async function removeOnFullDisk(
  project: Needs,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Pick<GarbageReport, 'removed' | 'notRemoved'>> {
  const notRemoved: NotRemoved[] = [];
  for (const next of [...batch, null]) {
    try {
      const done = await removeBatch(project, batch, staleBefore, now);
      return { removed: done.removed, notRemoved: [...notRemoved, ...done.notRemoved] };
    } catch (error) {
      if (next === null || !isDiskFull(error)) throw error;
    }
    const { store, files } = project;
    const isLive = store.maintenance.sessionAges(staleBefore).some(({ id, live }) => id === next.id && live);
    if (!isLive) notRemoved.push(...(await files.maintenance.discard(next.id)));
  }
  throw new Error('the last try has returned or thrown');
}

function isDiskFull(error: unknown): boolean {
  return isMaosError(error) && (error.details.system === 'ENOSPC' || error.details.system === 'EDQUOT');
}

/** If it is not recorded, the next collection only runs earlier. */
async function noteCollection({ files, log }: Needs, now: string): Promise<void> {
  try {
    await files.maintenance.noteCollection(now);
  } catch (error) {
    if (!isDiskFull(error)) throw error;
    log.log('warn', 'cannot record the cleanup', { error });
  }
}

/** The order makes a kill safe: record the intent, delete the records, delete the folders, delete the intent. */
async function removeBatch(
  project: Needs,
  batch: readonly RemovalCandidate[],
  staleBefore: string,
  now: string,
): Promise<Pick<GarbageReport, 'removed' | 'notRemoved'>> {
  const { store, files, clock, watcher } = project;
  const removal = await files.maintenance.beginRemoval(
    batch.map(({ id }) => id),
    now,
  );
  const removed: RemovalCandidate[] = [];
  for (let rest = batch; rest.length > 0; ) {
    const ids = rest.map(({ id }) => id);
    let began = 0;
    const { dealtWith } = await whenFree(project, () => {
      began = clock.elapsedMs();
      return store.maintenance.removeEnded(ids, staleBefore, holdMs);
    });
    // Leave the store free for at least as long as it was held: SQLite has no queue for waiting processes.
    const held = clock.elapsedMs() - began;
    await new Promise<void>((resolve) => clock.after(Math.max(restMs, held), resolve));
    // Checked again, so that a session that was retried meanwhile keeps its folder.
    removed.push(...rest.slice(0, dealtWith).filter(({ id }) => !store.maintenance.exists(id)));
    rest = rest.slice(dealtWith);
  }
  const notRemoved: NotRemoved[] = [];
  for (const { id } of removed) notRemoved.push(...(await files.maintenance.discard(id)));
  await files.maintenance.endRemoval(removal);
  watcher.notify();
  return { removed, notRemoved };
}

function earlier(than: string, ms: number): string {
  return new Date(Date.parse(than) - ms).toISOString();
}

/**
 * Delay of the first collection after the start, and the interval between collections, shared by all processes of a
 * project.
 */
const firstMs = 60_000;
const everyMs = 6 * 3_600_000;

/**
 * Collects automatically while this process lives: a minute after it opened the project, then every few hours.
 * @returns a function that stops it
 */
export function startRetentionTimer(project: Needs): () => void {
  const { clock, log, files, settings } = project;
  const stopped = new AbortController();
  let cancel = clock.after(firstMs, () => void turn());

  async function turn(): Promise<void> {
    try {
      const last = await files.maintenance.lastCollection();
      const isDue = last === null || last < earlier(clock.now(), everyMs) || last > clock.now();
      if (isDue && !stopped.signal.aborted) {
        const { removed, removedBytes, notRemoved } = await collectGarbage(
          project,
          settings.retention,
          clock.now(),
          false,
          stopped.signal,
        );
        if (removed.length > 0) {
          log.log('info', 'old sessions removed', { sessions: removed.length, bytes: removedBytes });
        }
        for (const { path, reason } of notRemoved) {
          log.log('warn', 'an old session was removed only in part, retrying later', { path, reason });
        }
      }
    } catch (error) {
      if (!stopped.signal.aborted) log.log('warn', 'old sessions not removed, retrying later', { error });
    }
    if (!stopped.signal.aborted) cancel = clock.after(everyMs, () => void turn());
  }

  return () => {
    stopped.abort();
    cancel();
  };
}
