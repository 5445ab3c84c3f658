import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchSpec } from '../../../application/ports/agent-host.ts';
import type { Backend, LaunchContext, Verdict } from '../../../application/ports/backend.ts';
import { userHome } from '../../files/home/maos-home.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { providerVariables } from '../../process/launch/provider-variables.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { describeCli, type Environment } from '../shared/cli-program.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { mentionEscape } from '../shared/mention-escape.ts';
import { GeminiOutputParser } from './output.ts';
import type { GeminiSettings } from './settings.ts';
import { goneConversation, withExitStatus } from './verdicts.ts';

const signInAdvice = "Run 'gemini' once and sign in, or set GEMINI_API_KEY, then try again.";
/** As no server can be called: then none of the user's is started. */
const noServer = 'none-for-agents-of-maos';

/** Gemini CLI without a terminal: the prompt, which opens with the role, on stdin; JSON lines on stdout. */
export function makeGeminiBackend(deps: {
  readonly config: GeminiSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'gemini',
    title: 'Gemini CLI',
    executable: 'gemini',
    packageName: '@google/gemini-cli',
    variable: 'MAOS_GEMINI_PATH',
    testedVersion: '0.61.0',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, locations, resume, findProgram, inherits = env } = context;
    const model = checkedModel(agent.model ?? config.model);
    const args = [
      ...['-o', 'stream-json', '--approval-mode', config.approvalMode],
      ...(resume === null ? ['--session-id', randomUUID()] : ['--resume', resume]),
      ...(model === null ? [] : ['--model', model]),
      // Shared context and results lie outside the project, and its file tools write nowhere else.
      ...['--include-directories', locations.session],
      // Whoever starts a team in a folder trusts it. Without this, Gemini CLI ends at once in a folder it does not know.
      '--skip-trust',
      ...['--allowed-mcp-server-names', noServer],
      ...config.allowedTools.flatMap((rule) => ['--allowed-tools', rule]),
      ...config.extraArgs,
    ];
    return {
      program: await cli.locate(findProgram),
      args,
      env: {
        // Left to itself it runs itself again as a child, and hands no signal on to it.
        GEMINI_CLI_NO_RELAUNCH: 'true',
        ...environmentOf(inherits, providerVariables.google),
      },
      stdin: 'prompt',
    };
  }

  return {
    name: 'gemini',
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: false,
      asksPermission: false,
      takesCommand: false,
      servesMcp: false,
      countsTokens: true,
      countsCost: false,
      boundsSubagents: false,
    },
    promptEscape: mentionEscape,
    briefingInPrompt: true,
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    goneConversation,
    explain: (end, run, stderrTail) =>
      explainRun({ title: 'Gemini CLI', advise }, end, withExitStatus(run, end, stderrTail), stderrTail),
    makeParser: () => new GeminiOutputParser(),
  };
}

function advise(verdict: Verdict): string {
  return adviseOn(verdict, {
    auth_required: signInAdvice,
    budget_exceeded:
      "Raise the limit (model.maxSessionTurns of Gemini CLI's settings), or give it a smaller task.",
  });
}

/** Credentials where Gemini CLI looks for them; those of Google Cloud may be anywhere. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  if (isSet('GEMINI_API_KEY') || isSet('GOOGLE_API_KEY')) return 'yes';
  if (isSet('GOOGLE_GENAI_USE_VERTEXAI') || isSet('GOOGLE_GENAI_USE_GCA')) return 'unknown';
  const home = env.GEMINI_CLI_HOME ?? userHome(env);
  if (home === null) return 'no';
  const folder = join(home, '.gemini');
  if (existsSync(join(folder, 'oauth_creds.json'))) return 'yes';
  // A key can lie in the keychain or in an .env file that is read at its start.
  return existsSync(join(folder, 'settings.json')) ? 'unknown' : 'no';
}
