import type * as z from 'zod';
import { type Orchestrated, orchestrate } from '../../../application/control/orchestrate.ts';
import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';
import { previewCommands } from '../../../application/control/preview-commands.ts';
import { problemsOf } from '../../../application/control/review-plan.ts';
import type { OpenProject, Runtime } from '../../../application/runtime.ts';
import { MaosError } from '../../../domain/errors.ts';
import { RefusedPlan } from '../../../domain/plan-problem.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { planInput } from '../../contracts/plan-input.ts';
import { readPlanText } from '../../contracts/plan-text.ts';
import { agentView, namesOf } from '../../contracts/views.ts';
import type { startSchema } from './start-schemas.ts';

/** What became of a request to start a team. */
export interface Started extends Orchestrated {
  readonly opened: OpenProject;
}

/**
 * Starts a team, or only makes its plan, under the rules for clients.
 * @param path the folder that it works in
 * @throws MaosError as `orchestrate`; of a plan that is text, `details.faults` has every fault with its place
 */
export async function startSession(
  runtime: Runtime,
  path: string,
  body: z.infer<typeof startSchema>,
): Promise<Started> {
  const { plan, text, set, dry_run } = body;
  if ((plan === undefined) === (text === undefined)) {
    throw new MaosError('INVALID_INPUT', "body: give either 'plan' or 'text'.");
  }
  if (text === undefined) {
    const request = parseInput(planInput, plan, 'plan');
    return start(await runtime.openProject(path), request, dry_run);
  }
  const origin = { what: 'The plan', file: 'plan', format: null };
  const written = await readPlanText(text, origin, runtime.parseText, new Map(Object.entries(set ?? {})));
  const opened = await runtime.openProject(path);
  const { project, folder } = opened;
  if (written.isFaulty) throw written.refusal(await problemsOf(project, { ...written.request, folder }));
  try {
    const started = await start(opened, written.request, dry_run);
    return { ...started, remarks: [...written.remarks, ...started.remarks] };
  } catch (error) {
    throw error instanceof RefusedPlan ? written.refusal(error.problems) : error;
  }
}

async function start(
  opened: OpenProject,
  request: OrchestrateRequest,
  dryRun = request.dryRun,
): Promise<Started> {
  const { project, supervisor, folder } = opened;
  return { ...(await orchestrate(project, supervisor, { ...request, dryRun, folder }, 'client')), opened };
}

/** The plan of a dry run, with what would be started. */
export async function dryRunView({ opened: { project }, workflow, remarks }: Started) {
  const { session, agents, phases } = workflow;
  const { byAgent, remarks: missing } = await previewCommands(project, workflow);
  const around = { session, names: namesOf(agents), liveStatus: null };
  return {
    dry_run: true,
    project: project.path,
    objective: session.objective,
    strategy: session.strategy,
    failure_policy: session.failurePolicy,
    remarks: [...remarks, ...missing],
    phases: phases.map(({ index }) => agents.filter(({ phase }) => phase === index).map(({ name }) => name)),
    agents: agents.map((agent) => {
      // The ids of a dry run are never used.
      const { agent_id: _, ...view } = agentView(agent, around);
      const { task, timeoutMs, maxMemoryMb } = agent;
      return { ...view, task, timeout_ms: timeoutMs, max_memory_mb: maxMemoryMb };
    }),
    commands: agents.flatMap(({ id, name }) => {
      const command = byAgent.get(id);
      return command === undefined ? [] : [{ agent: name, command }];
    }),
  };
}

/** Every fault of a plan that was refused, if the error tells. */
export function faultsIn({ code, message, details }: MaosError): { faults?: readonly unknown[] } {
  if (Array.isArray(details.faults)) return { faults: details.faults };
  if (typeof details.line !== 'number') return {};
  return { faults: [{ code, message, path: [], line: details.line, column: details.column }] };
}
