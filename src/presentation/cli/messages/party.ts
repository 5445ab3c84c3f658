import { Mailbox, messageNotFound } from '../../../application/messaging/mailbox.ts';
import { user } from '../../../application/messaging/recipients.ts';
import type { Caller } from '../../../application/queries/caller.ts';
import { type FoundMessage, findMessage, type Projects } from '../../../application/queries/lookup.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { Message } from '../../../domain/message.ts';
import { assertOutsideAgents, callingAgent } from '../../calling-agent.ts';
import { lookupIn, projectAccess } from '../../project-access.ts';
import type { CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';

/** A session's messages, and the agent or person that this process acts for. */
export interface Party {
  readonly session: Pick<OpenSession, 'project' | 'id'>;
  readonly mailbox: Mailbox;
  /** Null: a person, or a program that no agent started. */
  readonly caller: Caller | null;
}

/**
 * @param reference default: an agent's own session, or a person's newest one
 * @throws MaosError SESSION_NOT_FOUND; FORBIDDEN for an agent whose identity is not proven, or for a session that is
 *   neither the agent's own nor that of a team it started
 */
export async function partyOf(context: CommandContext, reference?: string): Promise<Party> {
  const agent = await callingAgent(context.runtime(), context.env, context.projectPath);
  if (agent === null) {
    const session = await new SessionFinder(context).session(reference ?? 'latest');
    assertOutsideAgents(session.project);
    return { session, mailbox: new Mailbox(session.project), caller: null };
  }
  const { caller } = agent;
  const own = { project: agent.project, id: caller.sessionId };
  const session = reference === undefined ? own : await new SessionFinder(context).session(reference);
  const { parent } = session.project.store.load(session.id).session;
  if (session.id !== caller.sessionId && parent?.agentId !== caller.agentId) {
    throw new MaosError(
      'FORBIDDEN',
      `Session ${session.id} is not yours: an agent can write to its own session and to the teams that it started.`,
      { details: { sessionId: session.id, agentId: caller.agentId } },
    );
  }
  return { session, mailbox: new Mailbox(session.project), caller };
}

/**
 * Whose messages the caller may read. An agent reads its own; in the teams that it started, it reads the user's, as a
 * person does.
 */
export function ownName({ caller, session }: Party): string {
  return caller !== null && caller.sessionId === session.id ? caller.agentId : user;
}

/**
 * The message that a user names: for an agent among those of its own project, for a person as sessions are found.
 * @throws MaosError INVALID_INPUT, with `details.problem: 'not_found'` when there is none
 */
export async function namedMessage(context: CommandContext, text: string): Promise<FoundMessage> {
  const { runtime, env, projectPath, options } = context;
  const agent = await callingAgent(runtime(), env, projectPath);
  if (agent !== null) return findMessage(only(agent.project), text);
  const projects = lookupIn(projectAccess(runtime(), projectPath), new Map());
  return findMessage(projects, text, options.flag('all') ? 'everywhere' : 'project');
}

/**
 * A message that the caller sent or received.
 * @throws MaosError as {@link namedMessage}; FORBIDDEN for a message between others
 */
export async function messageOf(
  context: CommandContext,
  text: string,
): Promise<{ readonly party: Party; readonly message: Message }> {
  const { project, id } = await namedMessage(context, text);
  const message = new Mailbox(project).find(id);
  if (message === null) throw messageNotFound(id);
  const party = await partyOf(context, message.sessionId);
  const { caller } = party;
  if (
    caller !== null &&
    ![message.from, message.to].includes(caller.agentId) &&
    caller.sessionId === message.sessionId
  ) {
    throw new MaosError('FORBIDDEN', `Message ${id} is neither from you nor for you.`, { details: { id } });
  }
  return { party, message };
}

function only(project: FoundMessage['project']): Projects {
  return {
    present: async () => project,
    async *all() {
      yield project;
    },
  };
}
