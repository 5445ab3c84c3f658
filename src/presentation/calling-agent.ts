import type { Project } from '../application/project.ts';
import { type Caller, callerOf, isOfAgent } from '../application/queries/caller.ts';
import type { Runtime } from '../application/runtime.ts';
import { MaosError, showPath } from '../domain/errors.ts';

/** The agent that this process acts for, and its project. */
export interface CallingAgent {
  readonly project: Project;
  readonly caller: Caller;
}

/**
 * The agent that started this process.
 * @param folder where to look for the project when the environment does not name it
 * @returns null for a person, or a program that no agent started
 * @throws MaosError FORBIDDEN as `callerOf` does, and when MAOS's home does not contain the agent's project
 */
export async function callingAgent(
  runtime: Runtime,
  env: Readonly<Record<string, string | undefined>>,
  folder: string,
): Promise<CallingAgent | null> {
  if (!isOfAgent(env)) return null;
  const root = env.MAOS_PROJECT_ROOT || folder;
  const found = await runtime.findProject(root);
  if (found === null) {
    throw new MaosError(
      'FORBIDDEN',
      `The project of this agent, ${showPath(root)} (MAOS_PROJECT_ROOT), has no sessions in ${showPath(runtime.home)}. Check that MAOS_HOME is the one that the agent was started with.`,
    );
  }
  const caller = callerOf(found.project, env);
  return caller === null ? null : { project: found.project, caller };
}

/**
 * Refuses a process that acts as the user and yet runs inside an agent, as the processes above it show.
 * @throws MaosError FORBIDDEN
 */
export function assertOutsideAgents({ parent }: Pick<Project, 'parent'>): void {
  if (parent === null) return;
  throw new MaosError(
    'FORBIDDEN',
    `This process runs inside agent ${parent.agentId} without the MAOS_* variables of that agent, so it can act neither for it nor as the user. Pass on all MAOS_* variables, unchanged.`,
    { details: { agentId: parent.agentId } },
  );
}
