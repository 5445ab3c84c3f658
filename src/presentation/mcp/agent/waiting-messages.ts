import { Mailbox } from '../../../application/messaging/mailbox.ts';
import {
  type MessageReader,
  renderMessage,
  senderOf,
} from '../../../application/messaging/render-message.ts';
import { whenFree } from '../../../application/when-free.ts';
import type { MessageId } from '../../../domain/ids.ts';
import type { AgentContext } from './agent-context.ts';

/**
 * Limits, because CLIs cut long tool results, and messages in the removed part would be lost. Further messages follow
 * in the next result.
 */
const maxMessages = 10;
const maxCharacters = 16_000;

/** Without escape, because a tool's result reaches the model unchanged. */
const reader: MessageReader = { reach: 'tools', promptEscape: null };

/** Results take messages one after another, so that those of a sender stay in order. */
let turn: Promise<unknown> = Promise.resolve();

/**
 * The messages that wait for the agent, as parts of a tool's result. Each is claimed for this conversation first, so
 * that it arrives only once. It counts as delivered when the CLI's output shows it; for a CLI whose output does not,
 * once the result has been written to it.
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
    const sender = senderOf(message.from, project.store.load(sessionId).agents, project.store);
    const text = renderMessage(message, sender, reader);
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
  const { agentId, attempt } = caller;
  const mailbox = new Mailbox(project);
  // By then, the result has been written. A cancelled call gets none.
  await new Promise(setImmediate);
  try {
    if (!signal.aborted && showsResults(context)) return;
    await whenFree(project, () => {
      if (signal.aborted) mailbox.release(agentId, attempt, 'tool', ids);
      else for (const id of ids) mailbox.delivered(id, { agentId, attempt, via: 'tool' });
    });
  } catch (error) {
    runtime.log('error', 'messages were handed over, but that was not recorded', { ids, error });
  }
}

function showsResults({ project, caller }: AgentContext): boolean {
  const { agents } = project.store.load(caller.sessionId);
  const { backend = '' } = agents.find(({ id }) => id === caller.agentId) ?? {};
  return project.backends.capabilitiesOf(backend)?.showsTeamResults === true;
}
