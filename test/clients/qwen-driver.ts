import { cleanQwenEnv, installQwenCode, writeQwenSettings } from '../helpers/qwen-code.ts';
import {
  type ChatError,
  type ChatStep,
  chatText,
  startScriptedChatModel,
} from '../helpers/scripted-chat-model.ts';
import { type BackendDriver, type Refusal, type Said, usageOfAnswer } from './backend-cases.ts';

/** The real Qwen Code as an agent, its provider one that speaks as OpenAI does. */
export const qwenDriver: BackendDriver = {
  name: 'qwen',
  pathVariable: 'MAOS_QWEN_PATH',
  install: () => installQwenCode(),
  startModel: (respond) =>
    startScriptedChatModel(async ({ messages, tools = [] }) => {
      const commands = messages.flatMap(({ tool_calls = [] }) => tool_calls).length;
      return toStep(
        await respond({
          text: messages.map(chatText).join('\n'),
          commands,
          tools: tools.map(({ function: { name } }) => name),
        }),
      );
    }),
  env: (home, modelUrl) => cleanQwenEnv({ home, modelUrl }),
  // Left to itself it takes the model for one that reads no megabyte.
  setUp: (home) => writeQwenSettings(home, { model: { generationConfig: { contextWindowSize: 1_000_000 } } }),
  settings: { approvalMode: 'yolo' },
  skips: {
    'rate limit for long':
      'it waits as long as Retry-After says, without a word on stdout or stderr; below, the limit of stalled agents ends that',
  },
};

function toStep(said: Said): ChatStep {
  if ('hang' in said) return said;
  if ('text' in said) return { ...said, usage: usageOfAnswer };
  if ('calls' in said) {
    return { calls: [{ name: said.calls, arguments: said.arguments }], usage: usageOfAnswer };
  }
  if ('command' in said) {
    const given = { command: said.command, is_background: false };
    return { calls: [{ name: 'run_shell_command', arguments: given }], usage: usageOfAnswer };
  }
  const { retryAfterSeconds } = said;
  const headers = retryAfterSeconds === undefined ? {} : { 'retry-after': `${retryAfterSeconds}` };
  return { error: { ...refusals[said.refuses], headers } };
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
