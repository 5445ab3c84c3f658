import type { SessionId } from '../../../domain/ids.ts';
import type { MaintenanceFiles, RetentionPolicy, SessionAge } from '../../ports/maintenance.ts';
import { earlier } from './earlier.ts';
import type { RemovalCandidate, RemovalReason } from './garbage-report.ts';

interface Needs {
  readonly files: { readonly maintenance: Pick<MaintenanceFiles, 'sizeOf'> };
}

type Age = Pick<SessionAge, 'id' | 'live' | 'endedAt'>;

/** Number of folders measured in parallel. */
const lookers = 4;

/** Which sessions must be removed to satisfy the limits, and how many bytes remain. */
export async function decideCandidates(
  { files }: Needs,
  { maxAgeMs, maxSessions, maxBytes }: RetentionPolicy,
  now: string,
  sessions: readonly Age[],
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
  sessions: readonly Age[],
  sizes: ReadonlyMap<SessionId, number>,
  limit: number,
): readonly SessionId[] {
  const candidates: SessionId[] = [];
  const isLarge = ({ id }: Age): boolean => (sizes.get(id) ?? 0) > limit * largeShare;
  const remove = (from: readonly Age[], total: number): void => {
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

function totalOf(sessions: readonly Age[], sizes: ReadonlyMap<SessionId, number>): number {
  return sessions.reduce((sum, { id }) => sum + (sizes.get(id) ?? 0), 0);
}

async function sizesOf(
  { maintenance }: Needs['files'],
  sessions: readonly Age[],
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
