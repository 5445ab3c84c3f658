import { createHash } from 'node:crypto';
import * as z from 'zod';
import type { Caller } from '../../../application/queries/caller.ts';
import { quoted } from '../../../application/quotation.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { MaosError } from '../../../domain/errors.ts';
import type { InputRequestId } from '../../../domain/ids.ts';
import { answererText, type InputRequest } from '../../../domain/input-request.ts';
import { agentTool, changesRecords } from './agent-tool.ts';
import { tellWaiting } from './tell-waiting.ts';

const input = z.strictObject({
  question: z.string(),
  choices: z.array(z.string()).max(20).optional().describe('Answers to suggest'),
});

/** More questions than any attempt asks. */
const mostLookedAt = 1_000;

/** Questions whose answers this server has returned to the agent. Asking one of them again is a new question. */
const told = new Set<InputRequestId>();

export const ask = agentTool({
  name: 'ask',
  title: 'Ask',
  description:
    'Asks the user, or whoever started your team, and waits for the answer. If the call times out, ask again in the same words: it goes on waiting.',
  input,
  annotations: changesRecords,
  async run({ question, choices = [] }, context) {
    const { project, caller, signal } = context;
    const requests = new InputRequests(project);
    const { id, expiresAt } = await whenFree(project, () =>
      requests.open({
        ...caller,
        ...{ key: keyOf(requests, caller, question), kind: 'question', tool: null, reason: null },
        ...{ action: question, choices },
      }),
    );
    const seconds = Math.max(1, Math.ceil((Date.parse(expiresAt) - Date.parse(project.clock.now())) / 1_000));
    const stop = tellWaiting(context, seconds, 'waiting for an answer');
    const request = await requests.waitForAnswer(id, signal).finally(stop);
    if (request.state === 'open') {
      throw new MaosError(
        'INVALID_TRANSITION',
        `Nobody has answered ${id} yet. Ask again in the same words to go on waiting.`,
      );
    }
    // A client that has cancelled the call gets no answer to it, and asks again for this one.
    if (!signal.aborted) told.add(id);
    return answerOf(request);
  },
});

/** A key per question. A repeated question continues the earlier request until the agent has received its answer. */
function keyOf(requests: InputRequests, { sessionId, agentId, attempt }: Caller, question: string): string {
  const words = `ask-${createHash('sha256').update(question.trim()).digest('hex').slice(0, 32)}-`;
  const asked = requests
    .list({ sessionId, agentId, attempt, limit: mostLookedAt })
    .filter(({ key }) => key.startsWith(words));
  const [newest] = asked;
  return newest !== undefined && !told.has(newest.id) ? newest.key : `${words}${asked.length + 1}`;
}

function answerOf({ id, state, answer, answeredBy }: InputRequest): string {
  if (answer?.kind === 'question' && answeredBy !== null) {
    const isAgent = answeredBy.type === 'agent';
    const text = isAgent ? quoted(answer.text) : answer.text;
    return `Answered by ${isAgent ? `the agent "${answeredBy.name}"` : answererText(answeredBy)}:\n\n${text}`;
  }
  const why = state === 'expired' ? 'nobody answered in time' : 'it was withdrawn';
  return `There is no answer to ${id}: ${why}. Decide yourself, choose what is easily undone, and say so in your result.`;
}
