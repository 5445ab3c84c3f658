import { Mailbox } from '../../../application/messaging/mailbox.ts';
import {
  type MessageReader,
  renderMessage,
  senderOf,
} from '../../../application/messaging/render-message.ts';
import { whenFree } from '../../../application/when-free.ts';
import type { MessageId } from '../../../domain/ids.ts';
import type { AgentContext } from './agent-context.ts';

/** CLIs cut long tool answers, and a message in the part that is cut would be lost. More follow with the next answer. */
const maxMessages = 10;
const maxCharacters = 16_000;

/** The answer of a tool reaches the model unchanged. */
const reader: MessageReader = { reach: 'tools', promptEscape: null };

/** One answer at a time takes messages: what one that was called off gives back must not be of another. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * The messages that wait for the agent, as parts of a tool's answer. Each is claimed for this conversation before it is
 * handed over, so it arrives once; it is recorded as delivered when the answer is in the pipe to the CLI.
 */
export async function waitingMessages(context: AgentContext): Promise<readonly string[]> {
  const taken = turn.then(() => take(context));
  turn = taken.then(({ ids }) => settle(context, ids)).catch(() => {});
  return (await taken).texts;
}

async function take({ project, caller, signal }: AgentContext) {
  const mailbox = new Mailbox(project);
  const { sessionId, agentId, attempt } = caller;
  const ids: MessageId[] = [];
  const texts: string[] = [];
  let characters = 0;
  const isThere = (): boolean => mailbox.hasQueued({ sessionId, agentId });
  while (ids.length < maxMessages && characters < maxCharacters && !signal.aborted && isThere()) {
    const claim = () => mailbox.claim({ sessionId, agentId }, attempt, 'tool', 1);
    const [message] = await whenFree(project, claim);
    if (message === undefined) break;
    const text = renderMessage(message, senderOf(message.from, project.store.load(sessionId).agents), reader);
    ids.push(message.id);
    texts.push(text);
    characters += text.length;
  }
  if (ids.length > 0 && isThere()) texts.push('More messages wait for you: call read_messages.');
  return { ids, texts };
}

async function settle(context: AgentContext, ids: readonly MessageId[]): Promise<void> {
  if (ids.length === 0) return;
  const { project, caller, signal, runtime } = context;
  const mailbox = new Mailbox(project);
  // By then the answer is written. A call that was called off gets none.
  await new Promise(setImmediate);
  try {
    await whenFree(project, () => {
      if (signal.aborted) mailbox.release(caller.agentId, caller.attempt, 'tool');
      else for (const id of ids) mailbox.delivered(id, caller.attempt);
    });
  } catch (error) {
    runtime.log('error', 'messages were handed over, but that was not recorded', { ids, error });
  }
}
