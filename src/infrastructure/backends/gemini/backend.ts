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
import { defaultsFile } from '../shared/defaults-file.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { mentionEscape } from '../shared/mention-escape.ts';
import { GeminiOutputParser } from './output.ts';
import type { GeminiSettings } from './settings.ts';
import { goneConversation, withExitStatus } from './verdicts.ts';

const signInAdvice = "Run 'gemini' once and sign in, or set GEMINI_API_KEY, then try again.";
const defaults = {
  variable: 'GEMINI_CLI_SYSTEM_DEFAULTS_PATH',
  usual: [
    '/etc/gemini-cli/system-defaults.json',
    '/Library/Application Support/GeminiCli/system-defaults.json',
  ],
};

/** Gemini CLI without a terminal: prompt with the role at its beginning on stdin, JSON lines on stdout. */
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
    const team = defaultsFile(inherits, defaults, {}, context.teamServer ?? null);
    const args = [
      ...['-o', 'stream-json', '--approval-mode', config.approvalMode],
      ...(resume === null ? ['--session-id', randomUUID()] : ['--resume', resume]),
      ...(model === null ? [] : ['--model', model]),
      // Shared context and results are outside the project, and its file tools write nowhere else.
      ...['--include-directories', locations.session],
      // Starting a team in a folder implies trust in it. Without this, Gemini CLI exits immediately in an unknown
      // folder.
      '--skip-trust',
      ...team.args,
      ...config.allowedTools.flatMap((rule) => ['--allowed-tools', rule]),
      ...config.extraArgs,
    ];
    return {
      program: await cli.locate(findProgram),
      args,
      env: {
        // By default it runs itself again as a child and does not forward signals to it.
        GEMINI_CLI_NO_RELAUNCH: 'true',
        ...environmentOf(inherits, providerVariables.google),
      },
      files: team.files,
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
      servesMcp: true,
      showsTeamResults: true,
      countsTokens: true,
      countsCost: false,
      boundsSubagents: false,
    },
    live: null,
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

/** Checks for credentials where Gemini CLI stores them; those of Google Cloud can be elsewhere. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const isSet = (name: string): boolean => (env[name] ?? '') !== '';
  if (isSet('GEMINI_API_KEY') || isSet('GOOGLE_API_KEY')) return 'yes';
  if (isSet('GOOGLE_GENAI_USE_VERTEXAI') || isSet('GOOGLE_GENAI_USE_GCA')) return 'unknown';
  const home = env.GEMINI_CLI_HOME ?? userHome(env);
  if (home === null) return 'no';
  const folder = join(home, '.gemini');
  if (existsSync(join(folder, 'oauth_creds.json'))) return 'yes';
  // The key can be in the keychain, or in an .env file that is read at start.
  return existsSync(join(folder, 'settings.json')) ? 'unknown' : 'no';
}
