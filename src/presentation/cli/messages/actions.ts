import { outlookOf } from '../../../application/messaging/outlook.ts';
import type { MessageQuery } from '../../../application/ports/messages.ts';
import { whenFree } from '../../../application/when-free.ts';
import type { Agent } from '../../../domain/agent.ts';
import { MaosError } from '../../../domain/errors.ts';
import { makeMessageId } from '../../../domain/ids.ts';
import { type Message, type MessageState, maxMessageBody } from '../../../domain/message.ts';
import type { MessageType } from '../../../domain/message-type.ts';
import { messageView, partyName } from '../../contracts/message-view.ts';
import type { CommandContext } from '../command.ts';
import { renderMessageForPeople, renderMessageTable } from '../render/messages.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import { readAll } from '../shell/read-stdin.ts';
import { messageOf, namedMessage, ownName, type Party, partyOf } from './party.ts';

type Action = (context: CommandContext, words: readonly string[]) => Promise<number>;

const defaultLimit = 20;
const defaultLeaseSeconds = 60;
/** Maximum size of a text on stdin: UTF-8 uses up to four bytes per character. */
const maxTextBytes = maxMessageBody * 4;

const send: Action = async (context, words) => {
  const { options, terminal, json } = context;
  const { MAOS_AGENT_CALL: callId } = context.env;
  const given = words.length === 2 ? [undefined, ...words] : words;
  const [reference, to, word] = given;
  if (given.length !== 3 || to === undefined || word === undefined) {
    throw usage('send [SESSION] TO TEXT (or -)');
  }
  const party = await partyOf(context, reference);
  const { session, mailbox, caller } = party;
  const seconds = options.number('expires');
  const replyTo = options.text('reply-to');
  const { project } = session;
  const subject = options.text('subject') ?? '';
  const body = word === '-' ? await readAll(context.stdin, 'The message on stdin', maxTextBytes) : word;
  if (body.trim() === '' && subject.trim() === '') {
    throw new MaosError(
      'INVALID_INPUT',
      'The message is empty. Give its text after the recipient, or - to read it from stdin.',
    );
  }
  const request = {
    id: callId === undefined ? null : makeMessageId(callId),
    sessionId: session.id,
    from: caller?.agentId ?? null,
    to,
    type: (options.text('type') ?? null) as MessageType | null,
    subject,
    body,
    contentType: 'text/plain',
    schemaVersion: null,
    correlationId: null,
    replyTo: replyTo === undefined ? null : (await namedMessage(context, replyTo)).id,
    maxAttempts: null,
    expiresAt:
      seconds === undefined
        ? null
        : new Date(Date.parse(project.clock.now()) + seconds * 1_000).toISOString(),
  };
  const { messages } = await whenFree(project, () => mailbox.send(request));
  if (caller === null) await adoptOrphans(context, project);
  const workflow = project.store.load(session.id);
  const sent = messages.map((message) => ({
    ...messageView(message, workflow.agents),
    delivery: outlookOf(message, workflow, project.backends),
  }));
  if (json) terminal.document({ project: project.path, messages: sent });
  else
    for (const { id, to: name, state, delivery } of sent)
      terminal.line(`${id} to ${name} ${state}: ${delivery}`);
  return exitStatus.done;
};

const read: Action = async (context, words) => {
  if (words.length > 1) throw usage('read [SESSION]');
  const { options, terminal, json } = context;
  const party = await partyOf(context, words[0]);
  const { session, mailbox } = party;
  const recipient = mailbox.recipient(session.id, ownName(party));
  const lease = {
    max: options.number('limit') ?? defaultLimit,
    leaseMs: (options.number('lease') ?? defaultLeaseSeconds) * 1_000,
    waitMs: (options.number('wait') ?? 0) * 1_000,
  };
  const interrupted = context.watchInterrupts();
  const taken = await mailbox.lease(recipient, lease, interrupted);
  const messages: Message[] = [];
  for (const message of taken) {
    messages.push(
      options.flag('ack')
        ? await whenFree(session.project, () => mailbox.acknowledge(message.id, message.attempt))
        : message,
    );
  }
  const { agents } = session.project.store.load(session.id);
  if (json) terminal.document({ messages: messages.map((message) => messageView(message, agents)) });
  else {
    for (const message of messages) terminal.line(`${renderMessageForPeople(message, agents)}\n`);
    const asked = messages.find(({ type }) => type === 'request');
    if (asked !== undefined) terminal.notice(replyHint(context, party, asked, agents));
    if (messages.length === 0) terminal.notice('No messages are waiting.');
    else if (!options.flag('ack')) {
      const [what, how] = messages.length === 1 ? ['It is', messages[0]?.id] : ['They are', 'MESSAGE'];
      terminal.notice(
        `${what} delivered again in ${lease.leaseMs / 1_000} s unless you acknowledge with: ${context.program} message ack ${how}`,
      );
    }
  }
  return interrupted.aborted ? exitStatus.interrupted : exitStatus.done;
};

/** The reply to the first message that expects one. */
function replyHint(
  { program }: CommandContext,
  { caller, session }: Party,
  { id, from }: Message,
  agents: readonly Agent[],
): string {
  const where = caller?.sessionId === session.id ? '' : `${session.id} `;
  return `Reply with: ${program} message send ${where}${partyName(from, agents)} TEXT --reply-to ${id}`;
}

const ack: Action = async (context, words) => {
  const [id] = words;
  if (id === undefined || words.length > 1) throw usage('ack MESSAGE');
  const { party, message } = await messageOf(context, id);
  const { caller, mailbox, session } = party;
  const isOwn =
    caller === null ||
    (caller.sessionId === session.id ? message.to === caller.agentId : message.to === null);
  if (!isOwn) {
    throw new MaosError(
      'FORBIDDEN',
      `Message ${message.id} is not for you: only its recipient can acknowledge it.`,
      {
        details: { id: message.id },
      },
    );
  }
  const attempt = context.options.number('attempt') ?? null;
  const done = await whenFree(session.project, () => mailbox.acknowledge(message.id, attempt));
  const { agents } = session.project.store.load(session.id);
  const { path } = session.project;
  if (context.json) context.terminal.document({ ...messageView(done, agents), project: path });
  else context.terminal.line(`${done.id} ${done.state}`);
  return exitStatus.done;
};

const wait: Action = async (context, words) => {
  const [id] = words;
  if (id === undefined || words.length > 1) throw usage('wait MESSAGE');
  const { options, terminal, json, program } = context;
  const { party, message: sent } = await messageOf(context, id);
  const { mailbox, session } = party;
  const what = options.flag('delivery') ? 'delivery' : 'reply';
  const seconds = options.number('timeout');
  const interrupted = context.watchInterrupts();
  const waitMs = seconds === undefined ? Number.POSITIVE_INFINITY : seconds * 1_000;
  const { message, reply } = await mailbox.follow(sent.id, what, waitMs, interrupted);
  const isOurs = reply !== null && reply.to === (party.caller?.agentId ?? null);
  if (isOurs && what === 'reply') await whenFree(session.project, () => mailbox.receive(reply.id));
  const { agents } = session.project.store.load(session.id);
  if (json) {
    terminal.document({
      message: messageView(message, agents),
      reply: reply === null ? null : messageView(reply, agents),
    });
  } else if (reply !== null && what === 'reply') terminal.line(renderMessageForPeople(reply, agents));
  else {
    const reason = message.deadReason === null ? '' : `: ${message.deadReason}`;
    terminal.line(`${message.id} ${message.state}${reason}${what === 'reply' ? '; no reply' : ''}`);
  }
  if (what === 'reply' ? reply !== null : ['delivered', 'acknowledged'].includes(message.state))
    return exitStatus.done;
  if (interrupted.aborted) return exitStatus.interrupted;
  const canCome =
    message.state === 'queued' || (what === 'reply' && ['delivered', 'acknowledged'].includes(message.state));
  if (canCome && seconds !== undefined && !json) {
    terminal.notice(
      `Nothing came within ${seconds} s. Wait again with: ${program} message wait ${message.id}`,
    );
  }
  return canCome && seconds !== undefined ? exitStatus.limit : exitStatus.notPossible;
};

const list: Action = async (context, words) => {
  if (words.length > 1) throw usage('list [SESSION]');
  const { session, mailbox, caller } = await partyOf(context, words[0]);
  const status = show(context, session, mailbox, { sessionId: session.id });
  const waiting = caller === null ? session.project.store.messages.waitingOutside(session.id) : 0;
  if (waiting > 0 && !context.json) {
    const what =
      waiting === 1 ? '1 message waits for you. Read it' : `${waiting} messages wait for you. Read them`;
    context.terminal.notice(`${what} with: ${context.program} message read ${session.id} --ack`);
  }
  return status;
};

const search: Action = async (context, words) => {
  if (words.length === 0) throw usage('search WORDS');
  const reference = context.options.text('session');
  const { session, mailbox, caller } = await partyOf(context, reference);
  const isWide = reference === undefined && caller === null;
  return show(context, session, mailbox, {
    words: words.flatMap((word) => word.split(/\s+/)).filter((word) => word !== ''),
    ...(isWide ? {} : { sessionId: session.id }),
  });
};

export const messageActions = { send, read, ack, wait, list, search };

type Shown = Awaited<ReturnType<typeof partyOf>>;

async function show(
  { options, terminal, json }: CommandContext,
  session: Shown['session'],
  mailbox: Shown['mailbox'],
  filter: Omit<MessageQuery, 'limit'>,
): Promise<number> {
  const to = options.text('to');
  const state = options.text('state') as MessageState | undefined;
  const messages = mailbox.list({
    ...filter,
    limit: options.number('limit') ?? defaultLimit,
    ...(to === undefined ? {} : { to: mailbox.recipient(session.id, to).agentId }),
    ...(state === undefined ? {} : { state }),
  });
  const { store } = session.project;
  const sessions = [...new Set(messages.map(({ sessionId }) => sessionId))];
  const agents = sessions.flatMap((id) => store.load(id).agents);
  if (json) terminal.document({ messages: messages.map((message) => messageView(message, agents)) });
  else if (messages.length === 0) terminal.notice('No messages.');
  else for (const line of renderMessageTable(messages, agents, terminal.canvas)) terminal.line(line);
  return exitStatus.done;
}

function usage(how: string): MaosError {
  return new MaosError('INVALID_INPUT', `Use 'maos message ${how}'.`, {
    details: { command: 'message' },
  });
}
