import type { Agent } from '../../domain/agent.ts';
import { isMaosError } from '../../domain/errors.ts';
import type { AgentId } from '../../domain/ids.ts';
import { roleOf } from '../../domain/roles/catalog.ts';
import { roleBriefing } from '../../domain/roles/role.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { ProgramLookup } from '../ports/agent-host.ts';
import type { Backend } from '../ports/backend.ts';
import type { Project } from '../project.ts';
import { agentEnvironment, teamServerFor } from '../session/agent-environment.ts';

/** What the agents of a plan would be started with. */
export interface PreviewedCommands {
  /** Program and arguments; an agent without an entry could not be started. */
  readonly byAgent: ReadonlyMap<AgentId, readonly string[]>;
  /** Why a program would not start. */
  readonly remarks: readonly string[];
}

/** Stands for the secret that an agent gets at its start. */
const noToken = 'token';

/**
 * The command lines of a plan's agents as they would be at their first start, also where a program is not installed.
 * The prompt is not part of them: it is on stdin.
 */
export async function previewCommands(
  project: Project,
  { session, agents }: Workflow,
): Promise<PreviewedCommands> {
  const byAgent = new Map<AgentId, readonly string[]>();
  const remarks = await missingPrograms(project, agents);
  const { host } = project;
  /** A program that is missing stands in the command line by its name. */
  const findProgram: ProgramLookup = (name) => host.findProgram(name).catch(() => name);
  for (const agent of agents) {
    const backend = project.backends.get(agent.backend);
    const locations = host.locations(session, agent);
    const variables = agentEnvironment(session, agent, locations, noToken);
    try {
      const { program, args } = await backend.prepare({
        ...{ session, agent, locations, findProgram, resume: null },
        briefing: roleBriefing(roleOf(agent.role, project.roles.predefined())),
        maxSubagents: agent.maxSubagents ?? project.settings.limits.maxSubagents,
        teamServer: backend.capabilities.servesMcp ? teamServerFor(project.agentServer, variables) : null,
      });
      byAgent.set(agent.id, [program, ...args]);
    } catch (error) {
      if (!isMaosError(error)) throw error;
      // Some backends ask their CLI before they start it. One that is missing is remarked upon once, not per agent.
      if (await isInstalled(project, backend)) remarks.push(`Agent ${agent.name}: ${error.message}`);
      else byAgent.set(agent.id, [await backend.locate(findProgram), '…']);
    }
  }
  return { byAgent, remarks };
}

function isInstalled({ host }: Project, backend: Backend): Promise<boolean> {
  return backend
    .locate((name) => host.findProgram(name))
    .then(
      () => true,
      () => false,
    );
}

/** Why programs of commands would not start. */
export async function missingPrograms(project: Project, agents: readonly Commanded[]): Promise<string[]> {
  const remarks: string[] = [];
  for (const agent of agents) {
    const missing = await missingProgram(project, agent);
    if (missing !== null) remarks.push(`Agent ${agent.name}: ${missing}`);
  }
  return remarks;
}

type Commanded = Pick<Agent, 'name' | 'command'>;

/**
 * What is wrong with the program of a command; null if nothing is, or it cannot be known: the folder that a relative
 * path belongs to may not exist yet.
 */
async function missingProgram({ host }: Project, { command }: Commanded): Promise<string | null> {
  const [program = ''] = typeof command === 'string' || command === null ? [] : command;
  if (program === '' || (program.includes('/') && !program.startsWith('/'))) return null;
  try {
    await host.findProgram(program);
    return null;
  } catch (error) {
    if (!isMaosError(error)) throw error;
    return error.message;
  }
}
