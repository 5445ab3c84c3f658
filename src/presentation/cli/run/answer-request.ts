import type { Project } from '../../../application/project.ts';
import { findRequest } from '../../../application/queries/lookup.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import type { InputRequestId } from '../../../domain/ids.ts';
import type { Answer, InputRequest } from '../../../domain/input-request.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { assertOutsideAgents, callingAgent } from '../../calling-agent.ts';
import { askedText, outcomeText, requestView } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import { lookupIn, projectAccess } from '../../project-access.ts';
import type { ArgumentSpec, CommandContext, OptionSpec } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';

export const requestArgument: ArgumentSpec = {
  syntax: '<request>',
  description:
    "id, an unambiguous part of its start or end, or 'latest' (the newest open request of this kind)",
};

export const allProjectsOption: OptionSpec = {
  flags: '--all',
  description: 'search every project; without it, other projects need the full id',
  kind: 'flag',
};

export function messageOption(description: string): OptionSpec {
  return { flags: '-m, --message <text>', description, kind: 'text' };
}

/** Answers the request that is named by the command's first argument, and prints the outcome. */
export async function answerRequest(context: CommandContext, answer: Answer): Promise<number> {
  const { args, options, terminal, json, runtime, projectPath } = context;
  const projects = lookupIn(projectAccess(runtime(), projectPath), new Map());
  const scope = options.flag('all') ? 'everywhere' : 'project';
  const { project, id } = await findRequest(projects, String(args[0]), { scope, kind: answer.kind });
  const request = await storeAnswer(context, project, id, answer);
  const names = namesOf(project.store.load(request.sessionId).agents);
  if (json) terminal.document({ ...requestView(request, names), project: project.path });
  else {
    terminal.line(outcomeText(request));
    terminal.line(`${names.get(request.agentId) ?? request.agentId}: ${askedText(request)}`);
    terminal.line(`Project: ${showName(project.path)}`);
  }
  return exitStatus.done;
}

/** Who answers, and where they are told that a session has got an owner again. */
export type Caller = Pick<CommandContext, 'runtime' | 'env' | 'projectPath'> &
  Parameters<typeof adoptOrphans>[0];

/** @throws MaosError FORBIDDEN inside an agent; INVALID_INPUT, INVALID_TRANSITION */
export async function storeAnswer(
  caller: Caller,
  project: Project,
  id: InputRequestId,
  answer: Answer,
): Promise<InputRequest> {
  const { runtime, env, projectPath } = caller;
  // An agent that does not prove who it is cannot answer for a team of another one.
  const agent = await callingAgent(runtime(), env, projectPath);
  if (agent === null) assertOutsideAgents(project);
  const requests = new InputRequests(project);
  const by = { type: 'person', front: 'cli' } as const;
  const request = await whenFree(project, () => requests.answer(id, answer, by));
  // The answer reaches its agent also when the MAOS that ran the session is gone.
  if (agent === null) await adoptOrphans(caller, project);
  return request;
}
