import { MaosError, quote } from '../../domain/errors.ts';
import { given } from '../../domain/plan.ts';
import type { SessionKey } from '../../domain/session.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import type { PlacedRequest } from './plan-request.ts';

/** How a request is known when it comes again, and the session that it has started then. */
export interface Recognised {
  /** Null: every request with this plan starts a session. */
  readonly key: SessionKey | null;
  /** Null: no earlier request had this key. */
  readonly first: Workflow | null;
}

/**
 * Looks for the session of an earlier request with the same key. The caller's key stands for one plan; the id of a call
 * is no promise of the caller's, so that another plan under the same id starts a session of its own.
 * @throws MaosError INVALID_INPUT if the caller's key was used with another plan
 */
export function recognise(project: Project, request: PlacedRequest): Recognised {
  const { idempotencyKey, callId, dryRun, budget, limits, approveAll = false, ...others } = request;
  const name = idempotencyKey ?? callId;
  if (name === undefined) return { key: null, first: null };
  // Fronts differ in what they leave out and what they leave empty.
  const plan = { ...others, budget: given(budget), limits: given(limits), approveAll };
  const key = { key: name, planDigest: project.store.planDigest(plan) };
  const holder = project.store.sessionWithKey(name);
  if (holder === null) return { key, first: null };
  const first = project.store.load(holder);
  if (first.session.idempotency?.planDigest === key.planDigest) return { key, first };
  if (idempotencyKey === undefined) return { key: null, first: null };
  throw new MaosError(
    'INVALID_INPUT',
    `idempotency_key ${quote(idempotencyKey)} belongs to session ${holder}, which was started with another plan or in another folder. To get that session, send its plan unchanged; to start another one, use another key.`,
    { details: { idempotencyKey, sessionId: holder } },
  );
}
