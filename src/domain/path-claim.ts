import { shorten } from './cut-text.ts';
import { MaosError, quote } from './errors.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import { overlap, pathPattern, patternFrom } from './path-pattern.ts';

/** In one call. */
export const maxClaimedAtOnce = 50;
/** That one agent has at a time. */
export const maxClaims = 200;
export const defaultClaimMinutes = 60;
export const maxClaimMinutes = 1_440;
const maxReason = 500;

/**
 * An agent's word that it works on a path, for the other agents of the project. It hinders nobody: who wants to claim the
 * same is told of it, and so is who edits there. It ends with its time, with its agent, or when the agent releases it.
 */
export interface PathClaim {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
  /** Absolute; see {@link pathPattern}. */
  readonly path: string;
  readonly reason: string;
  readonly claimedAt: string;
  readonly expiresAt: string;
}

/** A claim in force, with whose it is. */
export interface HeldClaim extends PathClaim {
  readonly agent: string;
  readonly role: string;
}

/** An agent that claims, releases or edits, in a folder that its paths are relative to. */
export interface Claimant {
  readonly sessionId: SessionId;
  readonly agentId: AgentId;
  readonly attempt: number;
  readonly root: string;
}

export interface ClaimRequest {
  readonly paths: readonly string[];
  readonly reason: string;
  /** Null: {@link defaultClaimMinutes}. */
  readonly minutes: number | null;
}

/** A path that another agent has claimed before. */
export interface PathConflict {
  /** Absolute. */
  readonly path: string;
  readonly held: HeldClaim;
}

/** What a claim comes to: all of it, or, with conflicts, nothing. */
export interface ClaimDecision {
  readonly claims: readonly PathClaim[];
  readonly conflicts: readonly PathConflict[];
}

/**
 * All or nothing: an agent that got a part of what it needs would wait with it for the rest, and two such agents for each
 * other. A path that the agent has claimed already is claimed anew, for the new time.
 * @param active those in force, of the whole project
 * @throws MaosError INVALID_INPUT, RESOURCE_LIMIT_EXCEEDED
 */
export function decideClaim(
  by: Claimant,
  request: ClaimRequest,
  active: readonly HeldClaim[],
  at: string,
): ClaimDecision {
  const { paths } = request;
  const minutes = request.minutes ?? defaultClaimMinutes;
  if (paths.length === 0 || paths.length > maxClaimedAtOnce) {
    throw new MaosError(
      'INVALID_INPUT',
      `${paths.length} paths cannot be claimed at once: name 1 to ${maxClaimedAtOnce}, or a folder with all that is below it.`,
    );
  }
  if (!(minutes > 0 && minutes <= maxClaimMinutes)) {
    throw new MaosError(
      'INVALID_INPUT',
      `A claim cannot last ${quote(minutes)} minutes: choose more than 0 and at most ${maxClaimMinutes}. The default is ${defaultClaimMinutes}.`,
    );
  }
  const patterns = new Set(paths.map((path) => pathPattern(path, by.root)));
  const others = active.filter(({ agentId }) => agentId !== by.agentId);
  const conflicts = [...patterns].flatMap((path) => {
    const held = others.find((claim) => overlap(claim.path, path));
    return held === undefined ? [] : [{ path, held }];
  });
  if (conflicts.length > 0) return { claims: [], conflicts };
  const own = active.filter(({ agentId, path }) => agentId === by.agentId && !patterns.has(path));
  if (own.length + patterns.size > maxClaims) {
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `This agent has claimed ${own.length} other paths, and may claim ${maxClaims} in all. Release some, or claim a folder.`,
      { details: { limit: maxClaims, claimed: own.length } },
    );
  }
  const expiresAt = new Date(Date.parse(at) + minutes * 60_000).toISOString();
  const { sessionId, agentId, attempt } = by;
  const reason = shorten(request.reason.trim(), maxReason);
  const claims = [...patterns].map((path) => {
    return { sessionId, agentId, attempt, path, reason, claimedAt: at, expiresAt };
  });
  return { claims, conflicts: [] };
}

/**
 * The agent's claims that it releases.
 * @param paths null: all that it has
 * @throws MaosError INVALID_INPUT for what cannot be a path of the project
 */
export function decideRelease(
  by: Claimant,
  paths: readonly string[] | null,
  active: readonly HeldClaim[],
): readonly HeldClaim[] {
  const patterns = paths === null ? null : new Set(paths.map((path) => pathPattern(path, by.root)));
  return active.filter(({ agentId, path }) => agentId === by.agentId && (patterns?.has(path) ?? true));
}

/** The claims of others that an edit of a path touches. */
export function claimsTouched(
  by: Claimant,
  path: string,
  active: readonly HeldClaim[],
): readonly HeldClaim[] {
  // A file may be named like a pattern, such as Next.js's `[...all].tsx` or, rarely, with a star: it then touches too much.
  return active.filter((claim) => claim.agentId !== by.agentId && overlap(claim.path, path));
}

/** For people and for agents; what the other agent wrote stands in quotes. */
export function conflictText({ path, held }: PathConflict, root: string): string {
  const as = held.path === path ? '' : ` (as ${quote(patternFrom(root, held.path))})`;
  const what = `${quote(patternFrom(root, path))}${as}`;
  const why = held.reason === '' ? '' : `: ${quote(held.reason)}`;
  return `${what} is claimed by ${held.agent} (${held.role}) until ${held.expiresAt}${why}`;
}

export function claimedEvent(by: Claimant, claims: readonly PathClaim[], at: string): readonly DomainEvent[] {
  const [first] = claims;
  if (first === undefined) return [];
  const data = { paths: shown(by, claims), reason: first.reason, until: first.expiresAt };
  return [agentEvent('paths.claimed', { id: by.agentId, sessionId: by.sessionId }, at, data)];
}

export function releasedEvent(
  by: Claimant,
  claims: readonly PathClaim[],
  at: string,
): readonly DomainEvent[] {
  if (claims.length === 0) return [];
  const data = { paths: shown(by, claims) };
  return [agentEvent('paths.released', { id: by.agentId, sessionId: by.sessionId }, at, data)];
}

/** @param how `claim`: it was refused one; `edit`: it is about to change what another has claimed, and was told */
export function conflictEvents(
  by: Claimant,
  how: 'claim' | 'edit',
  conflicts: readonly PathConflict[],
  at: string,
): readonly DomainEvent[] {
  const agent = { id: by.agentId, sessionId: by.sessionId };
  const type = how === 'claim' ? 'paths.refused' : 'paths.crossed';
  return conflicts.map(({ path, held }) =>
    agentEvent(type, agent, at, {
      path: patternFrom(by.root, path),
      claimed: patternFrom(by.root, held.path),
      by: held.agent,
      until: held.expiresAt,
    }),
  );
}

function shown(by: Claimant, claims: readonly PathClaim[]): readonly string[] {
  return claims.map(({ path }) => patternFrom(by.root, path));
}
