import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
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
import { QwenOutputParser } from './output.ts';
import type { QwenSettings } from './settings.ts';
import { goneConversation, withExitStatus } from './verdicts.ts';

const signInAdvice =
  "Run 'qwen' once and set up a provider, or set OPENAI_API_KEY, OPENAI_BASE_URL and OPENAI_MODEL, then try again.";
/** It supports any provider with a protocol of OpenAI, Anthropic or Google. */
const ownVariables = [
  ...[...providerVariables.openai, ...providerVariables.alibaba, ...providerVariables.anthropic],
  ...[...providerVariables.google, ...providerVariables.openrouter, ...providerVariables.deepseek],
];
const defaults = {
  variable: 'QWEN_CODE_SYSTEM_DEFAULTS_PATH',
  usual: [
    '/etc/qwen-code/system-defaults.json',
    '/Library/Application Support/QwenCode/system-defaults.json',
  ],
};
/**
 * By default it retries silently for three quarters of an hour when it is refused; this setting reduces that to 75 s.
 * The other one prevents an additional request after each run, which would store what an agent was told in the user's
 * memory.
 */
const bounds = { model: { generationConfig: { maxRetries: 0 } }, memory: { enableManagedAutoMemory: false } };

/** Qwen Code without a terminal: prompt on stdin, role as appended system prompt, JSON lines on stdout. */
export function makeQwenBackend(deps: { readonly config: QwenSettings; readonly env: Environment }): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'qwen',
    title: 'Qwen Code',
    executable: 'qwen',
    packageName: '@qwen-code/qwen-code',
    variable: 'MAOS_QWEN_PATH',
    testedVersion: '0.24.4',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env, maxSubagents } = context;
    const model = checkedModel(agent.model ?? config.model);
    const defaultsOfRun = defaultsFile(
      inherits,
      defaults,
      bounds,
      context.teamServer ?? null,
      // Without this, the model would have to search for the tools.
      { alwaysLoadTools: true },
    );
    const excluded = [
      ...(maxSubagents === 0 ? ['agent'] : []),
      // It leaves the agent's worktree for another one: its work would not be found.
      ...(agent.workspace === 'worktree' ? ['enter_worktree'] : []),
    ];
    const args = [
      ...['-o', 'stream-json', '--approval-mode', config.approvalMode],
      ...(resume === null ? ['--session-id', randomUUID()] : ['--resume', resume]),
      ...['--append-system-prompt', briefing],
      ...(model === null ? [] : ['--model', model]),
      ...(config.maxTurns === null ? [] : ['--max-session-turns', String(config.maxTurns)]),
      // Prevents nested sub-agents.
      ...['--max-subagent-depth', '1'],
      ...(excluded.length === 0 ? [] : ['--exclude-tools', excluded.join(',')]),
      // Shared context and results are outside the project, and its file tools need a permission to write elsewhere.
      ...['--include-directories', locations.session],
      ...defaultsOfRun.args,
      ...config.allowedTools.flatMap((rule) => ['--allowed-tools', rule]),
      ...config.extraArgs,
    ];
    return {
      program: await cli.locate(findProgram),
      args,
      env: {
        // By default it runs itself again as a grandchild.
        QWEN_CODE_NO_RELAUNCH: 'true',
        ...environmentOf(inherits, ownVariables),
      },
      files: defaultsOfRun.files,
      stdin: 'prompt',
    };
  }

  return {
    name: 'qwen',
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
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    goneConversation,
    explain: (end, run, stderrTail) =>
      explainRun({ title: 'Qwen Code', advise }, end, withExitStatus(run, end, stderrTail), stderrTail),
    makeParser: () => new QwenOutputParser(),
  };
}

function advise(verdict: Verdict): string {
  const isCredit = /quota|balance|billing|credit/i.test(verdict.message);
  return adviseOn(verdict, {
    auth_required: isCredit ? 'Add credit, or use another provider or account.' : signInAdvice,
    budget_exceeded: 'Raise the limit (maxTurns or extraArgs of backends.qwen), or give it a smaller task.',
  });
}

/** Checks for a provider as Qwen Code does: in the environment, or selected in its settings. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  if ((env.OPENAI_API_KEY ?? '') !== '') return 'yes';
  const home = userHome(env);
  const folder = env.QWEN_HOME ?? (home === null ? null : join(home, '.qwen'));
  if (folder === null) return 'no';
  const file = join(folder, 'settings.json');
  if (!existsSync(file)) return 'no';
  // The key can be in the settings, an .env file, or a variable that they name.
  return readFileSync(file, 'utf8').includes('"selectedType"') ? 'unknown' : 'no';
}
