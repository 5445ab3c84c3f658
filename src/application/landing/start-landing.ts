import { MaosError, quote } from '../../domain/errors.ts';
import type { SessionId } from '../../domain/ids.ts';
import type { SkippedWork } from '../../domain/landing.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { checkDepth } from '../control/plan-checks.ts';
import { LandingTaken } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { createLanding } from './create-landing.ts';
import { landingFacts } from './landing-facts.ts';

export interface LandRequest {
  /** The branch to land onto; null: the one that was checked out when the session began. */
  readonly into: string | null;
  readonly squash: boolean;
  /** The backend of the agents that fix conflicts and failed checks; null: the authors of the work do. */
  readonly merger: string | null;
}

export interface StartedLanding {
  /** The session that lands the work; null: there is nothing to land. */
  readonly workflow: Workflow | null;
  readonly target: string;
  readonly skipped: readonly SkippedWork[];
}

/**
 * Stores a session that lands the work of an ended one, and passes it to the supervisor. Returns before anything has
 * landed.
 * @throws MaosError INVALID_TRANSITION when the session cannot be landed, or is being landed; INVALID_INPUT,
 *   RESOURCE_LIMIT_EXCEEDED
 */
export async function startLanding(
  project: Project,
  supervisor: Supervisor,
  id: SessionId,
  { into, squash, merger }: LandRequest,
): Promise<StartedLanding> {
  const ended = project.store.load(id);
  checkDepth(project);
  checkMerger(project, merger);
  assertNotLanding(project, id);
  const { target, scope } = await landingFacts(project, ended, into);
  const { skipped, owners } = scope;
  if (owners.length === 0) return { workflow: null, target, skipped };
  await project.instances.announce();
  const { depth } = project;
  const parent = project.parent === null ? null : { ...project.parent, onEnd: 'cancel' as const };
  if (parent !== null) await whenFree(project, () => project.teams.note(parent));
  try {
    const choice = { target, squash, merger, origin: { depth, parent } };
    const { lease, workflow } = await createLanding(project, ended, scope, choice);
    project.watcher.notify();
    supervisor.take(lease, workflow);
    return { workflow, target, skipped };
  } catch (error) {
    throw error instanceof LandingTaken ? landingRuns(id, error.by) : error;
  }
}

function assertNotLanding({ store }: Project, id: SessionId): void {
  const [newest] = store.landingsOf(id);
  if (newest === undefined) return;
  const { state } = store.summary(newest).session;
  if (state === 'created' || state === 'running' || state === 'paused') throw landingRuns(id, newest);
}

function landingRuns(id: SessionId, landing: SessionId): MaosError {
  return new MaosError(
    'INVALID_TRANSITION',
    `Session ${landing} lands the work of ${id} already. Follow it with 'maos wait ${landing}' (wait-session), or cancel it first.`,
    { details: { sessionId: id, landing } },
  );
}

function checkMerger({ backends }: Project, merger: string | null): void {
  if (merger === null) return;
  if (backends.get(merger).capabilities.takesCommand !== true) return;
  throw new MaosError(
    'INVALID_INPUT',
    `The backend ${quote(merger)} runs commands, and a merger gets a task: name a backend of an agent CLI with --merger.`,
    { details: { merger } },
  );
}
