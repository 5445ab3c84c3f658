import type { ProgramLookup } from '../../../src/application/ports/agent-host.ts';
import type { LaunchContext } from '../../../src/application/ports/backend.ts';
import type { AgentRequest } from '../../../src/domain/plan.ts';
import { resolveProgram } from '../../../src/infrastructure/process/launch/program.ts';
import { planRequest, started } from '../../domain/samples.ts';

/** Finds programs like this machine's host. */
export function lookupIn(path: string | undefined): ProgramLookup {
  return async (name) => resolveProgram(name, '/', path);
}

/** The launch context of a session's only agent. */
export function contextOf(request: AgentRequest, given: Partial<LaunchContext> = {}): LaunchContext {
  const { session, agents } = started(planRequest([request]));
  const [agent] = agents;
  if (agent === undefined) throw new Error('the session has no agent');
  const folder = '/home/user/.maos/projects/p/sessions/s';
  return {
    session,
    agent,
    briefing: "You are the team's tester.",
    locations: {
      session: folder,
      projectRoot: '/home/user/project',
      workingDirectory: '/home/user/project',
      workspace: `${folder}/agents/a/workspace`,
      sharedContext: `${folder}/shared/context`,
      results: `${folder}/results/tester`,
      messages: `${folder}/shared/messages`,
      artifact: (path) => `${folder}/${path}`,
    },
    findProgram: lookupIn(given.inherits?.PATH),
    resume: null,
    ...given,
  };
}
