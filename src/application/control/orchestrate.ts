import { MaosError } from '../../domain/errors.ts';
import { makeSessionId } from '../../domain/ids.ts';
import { makePlan, type Plan } from '../../domain/plan.ts';
import { type Change, createWorkflow, type Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord } from '../ports/acp-runs.ts';
import type { Lease } from '../ports/ownership.ts';
import { AgentIdTaken } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';
import { checkApprovals, checkBackends, checkCommands, checkDepth, checkMemory } from './plan-checks.ts';
import { type PlacedRequest, planRequest } from './plan-request.ts';

/** Even with millions of stored agents, this many random ids in a row do not all collide. */
const maxDraws = 10;

/** Who sends the request: a terminal may run any command, a client only those that the user's configuration allows. */
export type Origin = 'terminal' | 'client';

/** For a session that is a run of the Agent Communication Protocol. */
export interface AcpOrigin {
  readonly record: AcpRunRecord;
  /** The conversation of an earlier run that the agent continues. */
  readonly conversation: string | null;
}

export interface Orchestrated {
  readonly workflow: Workflow;
  /** False for a dry run, which stores and starts nothing. */
  readonly stored: boolean;
}

/**
 * Validates a request, stores the session with its first events and passes it to the supervisor. Returns before any
 * agent runs, and after everything needed to run them is durable.
 * @throws MaosError INVALID_ROLE, INVALID_PLAN, INVALID_INPUT, FORBIDDEN, BACKEND_UNAVAILABLE, RESOURCE_LIMIT_EXCEEDED
 */
export async function orchestrate(
  project: Project,
  supervisor: Supervisor,
  request: PlacedRequest,
  origin: Origin,
  acp: AcpOrigin | null = null,
): Promise<Orchestrated> {
  const plan = makePlan(await planRequest(project, request));
  checkDepth(project);
  checkApprovals(project, plan);
  checkMemory(project, plan);
  if (origin === 'client') checkCommands(project, plan);
  await checkBackends(project, plan);
  if (request.dryRun === true) return { workflow: drawWorkflow(project, plan).next, stored: false };
  await project.instances.announce();
  const { parent } = plan.request;
  // Before the session is stored: a process that sees the parent end must find all its teams.
  if (parent?.onEnd === 'cancel') await whenFree(project, () => project.teams.note(parent));
  const { lease, workflow } = await store(project, plan, acp);
  project.watcher.notify();
  supervisor.take(lease, workflow);
  return { workflow, stored: true };
}

function drawWorkflow(project: Project, plan: Plan): Change {
  const ids = {
    sessionId: makeSessionId(project.ids.ulid()),
    suffixes: plan.agents.map(() => project.ids.suffix()),
  };
  return createWorkflow(plan, ids, project.clock.now());
}

/** Draws new ids when one is taken: with many sessions, six random characters sometimes collide. */
async function store(
  project: Project,
  plan: Plan,
  acp: AcpOrigin | null,
): Promise<{ lease: Lease; workflow: Workflow }> {
  for (let draws = 1; ; draws++) {
    const change = goingOn(drawWorkflow(project, plan), acp?.conversation ?? null);
    try {
      const lease = await whenFree(project, () =>
        project.store.create(change, project.instance, acp?.record ?? null),
      );
      return { lease, workflow: change.next };
    } catch (error) {
      if (!(error instanceof AgentIdTaken)) throw error;
      if (draws === maxDraws) throw new MaosError('INTERNAL', error.message, { cause: error });
    }
  }
}

function goingOn(change: Change, conversation: string | null): Change {
  if (conversation === null) return change;
  const { next, events } = change;
  return { next: { ...next, agents: next.agents.map((agent) => ({ ...agent, conversation })) }, events };
}
