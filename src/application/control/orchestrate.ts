import { type Agent, withConversationOf } from '../../domain/agent.ts';
import type { Plan } from '../../domain/plan.ts';
import type { Change, Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord } from '../ports/acp-runs.ts';
import { KeyTaken } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { checkApprovals, checkCommands, checkDepth, checkMemory, missingBackends } from './plan-checks.ts';
import type { PlacedRequest } from './plan-request.ts';
import { recognise } from './repeated-request.ts';
import { planOf } from './review-plan.ts';
import { drawWorkflow, storePlan } from './store-plan.ts';

/** Who sends the request: a terminal may run any command, a client only those that the user's configuration allows. */
export type Origin = 'terminal' | 'client';

/** For a session that is a run of the Agent Communication Protocol. */
export interface AcpOrigin {
  readonly record: AcpRunRecord;
  /** The agent of an earlier run whose conversation the agent continues. */
  readonly earlier: Agent | null;
}

export interface Orchestrated {
  readonly workflow: Workflow;
  /** False for a dry run, which stores and starts nothing. */
  readonly stored: boolean;
  /** True if an earlier request with the same key has started the session, which may be in any state. */
  readonly isRepeated: boolean;
  /**
   * What people should know about its worktrees, such as uncommitted changes that the agents do not see; in a dry run
   * also which programs are missing.
   */
  readonly remarks: readonly string[];
}

/**
 * Validates a request, stores the session with its first events and passes it to the supervisor. Returns before any
 * agent runs, and after everything needed to run them is durable. A request that repeats an earlier one (see
 * {@link recognise}) gets that one's session.
 * @throws MaosError INVALID_ROLE, INVALID_PLAN, INVALID_INPUT, FORBIDDEN, BACKEND_UNAVAILABLE, RESOURCE_LIMIT_EXCEEDED
 */
export async function orchestrate(
  project: Project,
  supervisor: Supervisor,
  request: PlacedRequest,
  origin: Origin,
  acp: AcpOrigin | null = null,
): Promise<Orchestrated> {
  const { key, first } = recognise(project, request);
  if (first !== null && request.dryRun !== true) return repeated(first);
  const asked = await planOf(project, request);
  checkDepth(project);
  checkApprovals(project, asked);
  checkMemory(project, asked);
  if (origin === 'client') checkCommands(project, asked);
  const missing = await missingBackends(project, asked);
  const [firstMissing] = missing;
  if (firstMissing !== undefined && request.dryRun !== true) throw firstMissing;
  const { plan, remarks } = await inRepository(project, asked);
  if (request.dryRun === true) {
    const notes = [...missing.map(({ message }) => message), ...remarks, ...remarksOn(first)];
    return { workflow: drawWorkflow(project, plan).next, stored: false, isRepeated: false, remarks: notes };
  }
  await project.instances.announce();
  const { parent } = plan.request;
  // Before the session is stored: a process that sees the parent end must find all its teams.
  if (parent?.onEnd === 'cancel') await whenFree(project, () => project.teams.note(parent));
  const keyed = { ...plan, request: { ...plan.request, idempotency: key } };
  try {
    const { lease, workflow } = await storePlan(
      project,
      keyed,
      (change) => goingOn(change, acp?.earlier ?? null),
      acp?.record ?? null,
    );
    project.watcher.notify();
    supervisor.take(lease, workflow);
    return { workflow, stored: true, isRepeated: false, remarks };
  } catch (error) {
    if (!(error instanceof KeyTaken)) throw error;
    // The same request reached another process at the same time.
    return orchestrate(project, supervisor, request, origin, acp);
  }
}

function repeated(first: Workflow): Orchestrated {
  const remark = `An earlier request with the same key has started session ${first.session.id}; nothing new was started.`;
  return { workflow: first, stored: true, isRepeated: true, remarks: [remark] };
}

function remarksOn(first: Workflow | null): readonly string[] {
  if (first === null) return [];
  return [`Session ${first.session.id} has this idempotency_key and plan: a start would answer with it.`];
}

/** Records where the worktrees of a plan begin. @throws MaosError INVALID_INPUT if they cannot */
async function inRepository(
  project: Project,
  plan: Plan,
): Promise<{ readonly plan: Plan; readonly remarks: readonly string[] }> {
  if (!plan.agents.some(({ workspace }) => workspace === 'worktree')) return { plan, remarks: [] };
  const { remarks, ...repository } = await project.workspaces.begin(plan.request.folder ?? project.path);
  return { plan: { ...plan, request: { ...plan.request, repository } }, remarks };
}

function goingOn(change: Change, earlier: Agent | null): Change {
  if (earlier === null) return change;
  const { next, events } = change;
  return {
    next: { ...next, agents: next.agents.map((agent) => withConversationOf(agent, earlier)) },
    events,
  };
}
