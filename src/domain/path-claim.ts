import { shorten } from './cut-text.ts';
import { MaosError, quote } from './errors.ts';
import { agentEvent, type DomainEvent } from './events.ts';
import type { AgentId, SessionId } from './ids.ts';
import { overlap, pathPattern, patternFrom } from './path-pattern.ts';

/** Maximum number of paths per call. */
const maxClaimedAtOnce = 50;
/** Maximum number of claims of one agent at a time. */
const maxClaims = 200;
export const defaultClaimMinutes = 60;
export const maxClaimMinutes = 1_440;
const maxReason = 500;

/**
 * An agent's announcement to the project's other agents that it works on a path. It blocks nothing: an agent that
 * claims the same path, or edits it, is informed. It ends when its time is over, when its agent ends, or when the agent
 * releases it.
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

/** A claim in force, with the agent's name and role. */
export interface HeldClaim extends PathClaim {
  readonly agent: string;
  readonly role: string;
}

/** An agent that claims, releases or edits, and the folder that its paths are relative to. */
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

/** A path that another agent claimed earlier. */
export interface PathConflict {
  /** Absolute. */
  readonly path: string;
  readonly held: HeldClaim;
}

/** The result of a claim request: all claims, or with conflicts none. */
export interface ClaimDecision {
  readonly claims: readonly PathClaim[];
  readonly conflicts: readonly PathConflict[];
}

/**
 * All or nothing, because two agents that each got a part of what they need could wait for each other. A path that the
 * agent has already claimed is renewed for the new time.
 * @param active all claims in force in the project
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
 * The claims that the agent releases.
 * @param paths null: all its claims
 * @throws MaosError INVALID_INPUT for a path that cannot be in the project
 */
export function decideRelease(
  by: Claimant,
  paths: readonly string[] | null,
  active: readonly HeldClaim[],
): readonly HeldClaim[] {
  const patterns = paths === null ? null : new Set(paths.map((path) => pathPattern(path, by.root)));
  return active.filter(({ agentId, path }) => agentId === by.agentId && (patterns?.has(path) ?? true));
}

/** Claims of other agents that an edit of a path touches. */
export function claimsTouched(
  by: Claimant,
  path: string,
  active: readonly HeldClaim[],
): readonly HeldClaim[] {
  // A file name can look like a pattern, such as Next.js's `[...all].tsx` or, rarely, one with a star; then too much
  // matches.
  return active.filter((claim) => claim.agentId !== by.agentId && overlap(claim.path, path));
}

/** For people and agents; text from the other agent is quoted. */
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

/**
 * @param how `claim`: a claim was refused; `edit`: the agent is about to change what another has claimed, and was
 *   informed
 */
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
