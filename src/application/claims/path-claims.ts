import { MaosError } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import {
  type Claimant,
  type ClaimRequest,
  claimedEvent,
  claimsTouched,
  conflictEvents,
  conflictText,
  decideClaim,
  decideRelease,
  type HeldClaim,
  type PathClaim,
  type PathConflict,
  releasedEvent,
} from '../../domain/path-claim.ts';
import { patternFrom } from '../../domain/path-pattern.ts';
import type { ClaimChange } from '../ports/path-claims.ts';
import type { Project } from '../project.ts';
import type { Caller } from '../queries/caller.ts';
import { whenFree } from '../when-free.ts';

type Needs = Pick<Project, 'store' | 'host' | 'settings' | 'watcher' | 'clock'>;

/** A claim as shown to programs and people. */
export interface ShownClaim {
  /** Relative to the session's folder. */
  readonly path: string;
  readonly agent: string;
  readonly reason: string;
  readonly claimedAt: string;
  readonly expiresAt: string;
}

/** The paths that agents claim. {@link callerOf} has already verified which agent a process acts for. */
export class PathClaims {
  readonly #project: Needs;

  constructor(project: Needs) {
    this.#project = project;
  }

  /**
   * Claims all of the paths, or none.
   * @throws MaosError INVALID_TRANSITION when others have claimed some: the message says who, why and until when,
   *   `details.conflicts` says it for programs; INVALID_INPUT, RESOURCE_LIMIT_EXCEEDED
   */
  async claim(caller: Caller, request: ClaimRequest): Promise<readonly ShownClaim[]> {
    const by = this.#claimant(caller);
    const { claims, conflicts } = await this.#change((active, at) => {
      const decision = decideClaim(by, request, active, at);
      const untold = this.#untold(by, decision.conflicts);
      return {
        ...decision,
        put: decision.claims,
        told: told(by, untold),
        events: [...claimedEvent(by, decision.claims, at), ...conflictEvents(by, 'claim', untold, at)],
      };
    });
    if (conflicts.length > 0) throw refused(by, conflicts);
    const name = this.#nameOf(caller);
    return claims.map((claim) => shownClaim({ ...claim, agent: name }, by.root));
  }

  /**
   * Releases the agent's claims of these paths; null: all of its claims.
   * @returns the paths that were released
   * @throws MaosError INVALID_INPUT
   */
  async release(caller: Caller, paths: readonly string[] | null): Promise<readonly string[]> {
    const by = this.#claimant(caller);
    const { remove } = await this.#change((active, at) => {
      const released = decideRelease(by, paths, active);
      return { remove: released, events: releasedEvent(by, released, at) };
    });
    return remove.map(({ path }) => patternFrom(by.root, path));
  }

  /**
   * The claims of other agents on a file that an agent is about to change. Each claim is reported once per file and
   * attempt.
   * @param path absolute
   */
  async beforeEdit(caller: Caller, path: string): Promise<readonly string[]> {
    const { store, clock } = this.#project;
    const by = this.#claimant(caller);
    const conflictsOf = (active: readonly HeldClaim[]): readonly PathConflict[] =>
      this.#untold(
        by,
        claimsTouched(by, path, active).map((held) => ({ path, held })),
      );
    // Checked without a transaction first: most edits touch no claim and must not block writers.
    if (conflictsOf(store.pathClaims.active(clock.now())).length === 0) return [];
    const { conflicts } = await this.#change((active, at) => {
      const found = conflictsOf(active);
      return { conflicts: found, told: told(by, found), events: conflictEvents(by, 'edit', found, at) };
    });
    return conflicts.map((conflict) => conflictText(conflict, by.root));
  }

  /** The active claims of a session's agents. */
  ofSession(sessionId: SessionId): readonly ShownClaim[] {
    const { store, host, clock } = this.#project;
    const claims = store.pathClaims.active(clock.now()).filter((claim) => claim.sessionId === sessionId);
    if (claims.length === 0) return [];
    const { session, agents } = store.load(sessionId);
    const [agent] = agents;
    const root = agent === undefined ? '' : host.locations(session, agent).projectRoot;
    return claims.map((claim) => shownClaim(claim, root));
  }

  #claimant({ sessionId, agentId, attempt }: Caller): Claimant {
    const { store, host } = this.#project;
    const { session, agents } = store.load(sessionId);
    const agent = agents.find(({ id }) => id === agentId);
    if (agent === undefined)
      throw new MaosError('AGENT_NOT_FOUND', `Session ${sessionId} has no agent ${agentId}.`);
    return { sessionId, agentId, attempt, root: host.locations(session, agent).projectRoot };
  }

  #nameOf({ sessionId, agentId }: Caller): string {
    return this.#project.store.load(sessionId).agents.find(({ id }) => id === agentId)?.name ?? agentId;
  }

  #untold({ agentId, attempt }: Claimant, conflicts: readonly PathConflict[]): readonly PathConflict[] {
    return conflicts.length === 0 ? [] : this.#project.store.pathClaims.untold(agentId, attempt, conflicts);
  }

  async #change<T extends ClaimChange>(decide: (active: readonly HeldClaim[], at: string) => T): Promise<T> {
    const { store, clock, watcher } = this.#project;
    const change = await whenFree(this.#project, () => {
      const at = clock.now();
      return store.pathClaims.change(at, (active) => decide(active, at));
    });
    watcher.notify();
    return change;
  }
}

function told({ agentId, attempt }: Claimant, of: readonly PathConflict[]): NonNullable<ClaimChange['told']> {
  return { agentId, attempt, of };
}

function shownClaim(
  { path, agent, reason, claimedAt, expiresAt }: PathClaim & { readonly agent: string },
  root: string,
): ShownClaim {
  return { path: patternFrom(root, path), agent, reason, claimedAt, expiresAt };
}

function refused({ root }: Claimant, conflicts: readonly PathConflict[]): MaosError {
  const lines = conflicts.slice(0, 10).map((conflict) => conflictText(conflict, root));
  const more = conflicts.length > lines.length ? [`and ${conflicts.length - lines.length} more`] : [];
  return new MaosError(
    'INVALID_TRANSITION',
    `Nothing was claimed: ${[...lines, ...more].join('; ')}. Work on something else first, ask the other agent, or claim the other paths by themselves.`,
    {
      details: {
        conflicts: conflicts.map(({ path, held }) => ({
          requested: patternFrom(root, path),
          ...shownClaim(held, root),
        })),
      },
    },
  );
}
