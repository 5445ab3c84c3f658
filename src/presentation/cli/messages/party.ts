import { Mailbox } from '../../../application/messaging/mailbox.ts';
import { user } from '../../../application/messaging/recipients.ts';
import type { Caller } from '../../../application/queries/caller.ts';
import { MaosError } from '../../../domain/errors.ts';
import { type MessageId, parseMessageId } from '../../../domain/ids.ts';
import type { Message } from '../../../domain/message.ts';
import { assertOutsideAgents, callingAgent } from '../../calling-agent.ts';
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
 * A message that the caller sent or received.
 * @throws MaosError INVALID_INPUT when the project has no such message; FORBIDDEN for a message between others
 */
export async function messageOf(
  context: CommandContext,
  text: string,
): Promise<{ readonly party: Party; readonly message: Message }> {
  const id: MessageId = parseMessageId(text);
  const here = await partyOf(context);
  const message = here.mailbox.find(id);
  if (message === null) {
    throw new MaosError(
      'INVALID_INPUT',
      `This project has no message ${id}. 'maos message list' lists them.`,
      {
        details: { problem: 'not_found', id },
      },
    );
  }
  const party = message.sessionId === here.session.id ? here : await partyOf(context, message.sessionId);
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
