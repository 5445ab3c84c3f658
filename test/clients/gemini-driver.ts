import { cleanGeminiEnv, installGeminiCli, writeGeminiSettings } from '../helpers/gemini-cli.ts';
import {
  type GeminiError,
  type GeminiPart,
  type GeminiRequest,
  type GeminiStep,
  startScriptedGemini,
} from '../helpers/scripted-gemini.ts';
import type { BackendDriver, Refusal, Said } from './backend-cases.ts';

/** The real Gemini CLI as an agent. */
export const geminiDriver: BackendDriver = {
  name: 'gemini',
  pathVariable: 'MAOS_GEMINI_PATH',
  install: () => installGeminiCli(),
  startModel: (respond) =>
    startScriptedGemini(async (request) => {
      const parts = request.contents.flatMap((content) => content.parts);
      const commands = parts.filter(({ functionCall }) => functionCall !== undefined).length;
      return toStep(await respond({ text: wordsOf(request, parts), commands, tools: toolsOf(request) }));
    }),
  env: (home, modelUrl) => cleanGeminiEnv({ home, modelUrl }),
  // Of what is left to it after a refusal, the second attempt is as good as the fifth.
  setUp: (home) => writeGeminiSettings(home, {}, { general: { maxAttempts: 2 } }),
  guardedHome: true,
  // Its commands are not offered to the model otherwise.
  settings: { approvalMode: 'yolo' },
  // With none it asks its model which one to take.
  model: 'gemini-2.5-pro',
};

function toolsOf({ tools = [] }: GeminiRequest): readonly string[] {
  return tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations.map(({ name }) => name));
}

function wordsOf({ systemInstruction }: GeminiRequest, parts: readonly GeminiPart[]): string {
  const all = [...(systemInstruction?.parts ?? []), ...parts];
  return all.map(({ text, functionResponse }) => text ?? functionResponse?.response.output ?? '').join('\n');
}

function toStep(said: Said): GeminiStep {
  if ('calls' in said) return { functionCall: { name: said.calls, args: said.arguments } };
  if ('command' in said) {
    return { functionCall: { name: 'run_shell_command', args: { command: said.command } } };
  }
  if (!('refuses' in said)) return said;
  const { retryAfterSeconds } = said;
  if (retryAfterSeconds === undefined) return { error: refusals[said.refuses] };
  const retryDelay = `${retryAfterSeconds}s`;
  const details = [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }];
  return { error: { ...refusals[said.refuses], details } };
}

const refusals: Readonly<Record<Refusal, GeminiError>> = {
  'wrong key': {
    status: 400,
    reason: 'INVALID_ARGUMENT',
    message: 'API key not valid. Please pass a valid API key.',
  },
  'rate limit': { status: 429, reason: 'RESOURCE_EXHAUSTED', message: 'Resource has been exhausted.' },
  'unknown model': {
    status: 404,
    reason: 'NOT_FOUND',
    message: 'models/gemini-2.5-pro is not found for API version v1beta.',
  },
};
