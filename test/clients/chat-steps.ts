import {
  type ChatError,
  type ChatRequest,
  type ChatStep,
  chatText,
  type ScriptedChatModel,
  startScriptedChatModel,
} from '../helpers/scripted-chat-model.ts';
import { type Asked, type Refusal, type Said, usageOfAnswer } from './backend-cases.ts';

/**
 * A model of the Chat Completions API for the cases of a backend.
 * @param callOf how the CLI's own tool runs a command of the shell
 */
export function startChatModel(
  respond: (asked: Asked) => Said | Promise<Said>,
  callOf: (command: string) => { readonly name: string; readonly arguments: unknown },
): Promise<ScriptedChatModel> {
  const step = (said: Said): ChatStep => {
    if ('hang' in said) return said;
    if ('text' in said) return { ...said, usage: usageOfAnswer };
    if ('calls' in said) {
      return { calls: [{ name: said.calls, arguments: said.arguments }], usage: usageOfAnswer };
    }
    if ('command' in said) return { calls: [callOf(said.command)], usage: usageOfAnswer };
    const { retryAfterSeconds } = said;
    const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': `${retryAfterSeconds}` };
    return { error: { ...refusals[said.refuses], headers } };
  };
  return startScriptedChatModel(async (request) => step(await respond(askedOf(request))));
}

function askedOf({ messages, tools = [] }: ChatRequest): Asked {
  const commands = messages.flatMap(({ tool_calls = [] }) => tool_calls).length;
  const names = tools.map(({ function: { name } }) => name);
  return { text: messages.map(chatText).join('\n'), commands, tools: names };
}

const refusals: Readonly<Record<Refusal, ChatError>> = {
  'wrong key': { status: 401, message: 'Incorrect API key provided.', code: 'invalid_api_key' },
  'rate limit': { status: 429, message: 'Rate limit reached.', code: 'rate_limit_exceeded' },
  'unknown model': {
    status: 404,
    message: 'The model `scripted-model` does not exist or you do not have access to it.',
    code: 'model_not_found',
  },
};
