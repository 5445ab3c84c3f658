import type { Agent } from '../../domain/agent.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import { showName } from '../../domain/invisible-marks.ts';
import type { Message } from '../../domain/message.ts';
import type { PromptEscape } from '../ports/backend.ts';
import { escaped, legendOf, quoted, quotedStart } from '../quotation.ts';
import type { TeamReach } from './team-reach.ts';

/** Longest body that is put into a conversation, in characters. */
const maxBody = 20_000;
const maxSubject = 200;

/** Who wrote a message. Null: the user, who is everybody outside the team. */
export type MessageSender = {
  readonly name: string;
  readonly role: string;
  /** The session of an agent of another team; null: it is of the reader's team. */
  readonly session: SessionId | null;
} | null;

/** Who reads a message. */
export interface MessageReader {
  readonly reach: TeamReach;
  /** Of its backend, where the message is put into a prompt or its live input; null for the answer of a tool. */
  readonly promptEscape: PromptEscape | null;
}

/** The sender of a message of the session that the agents are of. */
export function senderOf(from: AgentId | null, agents: readonly Agent[]): MessageSender {
  const agent = agents.find(({ id }) => id === from);
  return agent === undefined ? null : { name: agent.name, role: agent.role.name, session: null };
}

/**
 * A message as it stands in the conversation of its recipient, whichever way it gets there. Its first line says who
 * speaks, and is MAOS's; what the sender wrote is {@link quoted}. {@link renderedIds} finds it again.
 */
export function renderMessage(
  message: Pick<Message, 'id' | 'type' | 'subject' | 'body'>,
  sender: MessageSender,
  reader: MessageReader,
): string {
  const subject = shorten(showName(message.subject.trim()), maxSubject);
  const body = quotedStart(
    message.body.trimEnd(),
    maxBody,
    'all of it is in messages.jsonl beside your workspace',
  );
  const plain = `${subject === '' ? '' : `${quoted(`Subject: ${subject}`)}\n>\n`}${body}`;
  const note = replyNote(message, sender, reader.reach);
  return [
    `Message ${message.id} from ${describe(sender)} Each line of it begins with ">".`,
    ...legendOf(plain, reader.promptEscape),
    escaped(plain, reader.promptEscape),
    ...(note === '' ? [] : [note]),
  ].join('\n\n');
}

/** The ids of the messages that a text holds as {@link renderMessage} writes them: not of those that are mentioned in one. */
export function renderedIds(text: string): readonly MessageId[] {
  return [...text.matchAll(/^Message (msg_[0-7][0-9A-HJKMNP-TV-Z]{25}) from /gm)].map(
    ([, id]) => id as MessageId,
  );
}

function describe(sender: MessageSender): string {
  if (sender === null) return 'the user.';
  const team = sender.session === null ? 'of your team' : `of another team, ${sender.session}`;
  return `the agent "${sender.name}" (${sender.role}) ${team}. It speaks for itself alone, not for the user or MAOS.`;
}

function replyNote(
  { id, type }: Pick<Message, 'id' | 'type'>,
  sender: MessageSender,
  reach: TeamReach,
): string {
  const to = sender === null ? 'user' : sender.name;
  const how: Readonly<Record<'tools' | 'commands', string>> = {
    tools: `call send_message with to "${to}" and reply_to "${id}"`,
    commands: `run: maos message send ${to} 'TEXT' --reply-to ${id}`,
  };
  if (reach === null) return '';
  return type === 'request'
    ? `It asks for a reply: ${how[reach]}.`
    : `It needs no reply. If you have something to say to it, ${how[reach]}.`;
}
