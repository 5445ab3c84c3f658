import type { Agent } from '../../domain/agent.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { AgentId, MessageId, SessionId } from '../../domain/ids.ts';
import { showName } from '../../domain/invisible-marks.ts';
import type { Message } from '../../domain/message.ts';
import type { PromptEscape } from '../ports/backend.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import { escaped, legendOf, quoted, quotedStart } from '../quotation.ts';
import type { TeamReach } from './team-reach.ts';

/** Maximum length of a body in a conversation, in characters. */
const maxBody = 20_000;
const maxSubject = 200;

/** The sender of a message. Null: the user, which stands for everyone outside the team. */
export type MessageSender = {
  readonly name: string;
  readonly role: string;
  /** Session of an agent of another team; null: the agent is in the reader's team. */
  readonly session: SessionId | 'unknown' | null;
} | null;

/** The reader of a message. */
export interface MessageReader {
  readonly reach: TeamReach;
  /** That of the reader's backend, for a message in a prompt or live input; null for a tool's result. */
  readonly promptEscape: PromptEscape | null;
}

/**
 * An agent is never taken for the user, whichever team it is of.
 * @param agents those of the message's session
 * @param store that of the message
 */
export function senderOf(
  from: AgentId | null,
  agents: readonly Agent[],
  store: Pick<SessionReader, 'findAgents' | 'load'>,
): MessageSender {
  if (from === null) return null;
  const mate = agents.find(({ id }) => id === from);
  if (mate !== undefined) return { name: mate.name, role: mate.role.name, session: null };
  const session = store.findAgents(from, 1).find(({ agentId }) => agentId === from)?.sessionId ?? null;
  const agent = session === null ? undefined : store.load(session).agents.find(({ id }) => id === from);
  return { name: agent?.name ?? from, role: agent?.role.name ?? 'agent', session: session ?? 'unknown' };
}

/**
 * The text of a message in its recipient's conversation, the same for every way of delivery. The first line, which says
 * who speaks, is MAOS's; the sender's text is {@link quoted}. {@link renderedIds} finds the message again.
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

/** The ids of the messages in a text from {@link renderMessage}; ids that a message only mentions do not count. */
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
  // An agent of another team reads what its team writes to the user.
  const to = sender === null || sender.session !== null ? 'user' : sender.name;
  const how: Readonly<Record<'tools' | 'commands', string>> = {
    tools: `call send_message with to "${to}" and reply_to "${id}"`,
    commands: `run: maos message send ${to} 'TEXT' --reply-to ${id}`,
  };
  if (reach === null) return '';
  return type === 'request'
    ? `It asks for a reply: ${how[reach]}.`
    : `It needs no reply. If you have something to say to it, ${how[reach]}.`;
}
