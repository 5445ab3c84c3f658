/** The real Gemini CLI, a scripted model, and MAOS on the loopback interface: nothing leaves it. */
import type { TestContext } from 'node:test';
import {
  cleanGeminiEnv,
  type GeminiMcpServer,
  installGeminiCli,
  writeGeminiSettings,
} from '../helpers/gemini-cli.ts';
import {
  type GeminiAnswer,
  type GeminiRequest,
  lastAnswers,
  startScriptedGemini,
} from '../helpers/scripted-gemini.ts';
import { ModelScript, type Script, type ToolAnswer } from './model-script.ts';
import { tapped } from './wire.ts';
import { makeWorkplace, type Running, type Workplace } from './workplace.ts';

export interface GeminiBench extends Workplace {
  /** Starts `gemini -p` with a model that follows the script. */
  startGemini(script: Script<GeminiRequest>): Running;
}

export interface GeminiBenchOptions {
  /** `~/.maos/config.json`. */
  readonly settings?: Readonly<Record<string, unknown>>;
  /** Added to the entry of `mcpServers`. */
  readonly server?: Partial<GeminiMcpServer>;
}

export async function makeGeminiBench(
  t: TestContext,
  options: GeminiBenchOptions = {},
): Promise<GeminiBench> {
  const program = await installGeminiCli();
  const script = new ModelScript<GeminiRequest>();
  const api = await startScriptedGemini((request) => {
    const step = script.next(request, lastAnswers(request).map(toToolAnswer)[0]);
    return 'text' in step ? step : { functionCall: { name: `mcp_maos_${step.call[0]}`, args: step.call[1] } };
  });
  t.after(api.close);
  const workplace = await makeWorkplace(t, {
    settings: options.settings,
    env: (home) => cleanGeminiEnv({ home, modelUrl: api.url }),
  });
  await writeGeminiSettings(workplace.home, {
    maos: {
      command: process.execPath,
      args: tapped(workplace),
      env: { MAOS_HOME: workplace.maosHome },
      trust: true,
      ...options.server,
    },
  });
  // A named model: otherwise another one is asked first which to take.
  const args = ['-p', 'Have a team do it.', '-o', 'stream-json', '--skip-trust', '-m', 'gemini-2.5-flash'];
  return {
    ...workplace,
    startGemini(next) {
      script.begin(next);
      return workplace.start(program, args);
    },
  };
}

/** Gemini wraps what a tool says: a model shall take it for data. */
function toToolAnswer({ output, error }: GeminiAnswer): ToolAnswer {
  const text = (output ?? error ?? '').replace(
    /^<untrusted_context>\n([\s\S]*)\n<\/untrusted_context>$/,
    '$1',
  );
  return { text, isError: error !== undefined };
}
