import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchSpec } from '../../../application/ports/agent-host.ts';
import type { Backend, LaunchContext, TeamServer, Verdict } from '../../../application/ports/backend.ts';
import { userHome } from '../../files/home/maos-home.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { providerVariables } from '../../process/launch/provider-variables.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { describeCli, type Environment } from '../shared/cli-program.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { inBraces, longestCallMs, serverEnvironment, teamServerName } from '../shared/team-server.ts';
import { serversOf, settingsIn } from '../shared/user-settings.ts';
import { conversationOf } from './conversation.ts';
import { CopilotOutputParser } from './output.ts';
import type { CopilotSettings } from './settings.ts';
import { withStderr } from './verdicts.ts';

const ownVariables = [...providerVariables.github, 'COPILOT_*'];
const signInAdvice = "Run 'copilot' once and enter /login, or set COPILOT_GITHUB_TOKEN, then try again.";

/** The options of each permission mode. */
const permissions = {
  default: [],
  write: ['--allow-tool', 'write'],
  allTools: ['--allow-all-tools'],
  all: ['--allow-all'],
} as const;

/** Copilot CLI without a terminal: prompt with the role at its beginning on stdin, JSON lines on stdout. */
export function makeCopilotBackend(deps: {
  readonly config: CopilotSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'copilot',
    title: 'Copilot CLI',
    executable: 'copilot',
    packageName: '@github/copilot',
    variable: 'MAOS_COPILOT_PATH',
    testedVersion: '1.0.102',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, locations, resume, findProgram, inherits = env } = context;
    const model = checkedModel(agent.model ?? config.model);
    const args = [
      ...['--output-format', 'json', '--no-color', '--log-level', 'none'],
      ...['--no-auto-update', '--no-ask-user', '--no-remote', '--no-remote-export'],
      // The same option begins and resumes a conversation.
      ...['--session-id', resume ?? conversationOf(agent)],
      ...(model === null ? [] : ['--model', model]),
      ...permissions[config.permissionMode],
      ...config.allowedTools.flatMap((rule) => ['--allow-tool', rule]),
      // Shared context and results are outside the project: without this, agents could not write there.
      ...['--add-dir', locations.session],
      ...(config.maxAiCredits === null ? [] : ['--max-ai-credits', String(config.maxAiCredits)]),
      // Otherwise every agent would start the user's MCP servers, including MAOS itself. A project's servers are not
      // started without a terminal.
      ...['--disable-builtin-mcps', ...withoutServers(inherits)],
      ...teamServerArguments(context.teamServer ?? null),
      ...config.extraArgs,
    ];
    return {
      program: await cli.locate(findProgram),
      args,
      env: environmentOf(inherits, ownVariables),
      stdin: 'prompt',
    };
  }

  return {
    name: 'copilot',
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: false,
      asksPermission: false,
      takesCommand: false,
      servesMcp: true,
      showsTeamResults: true,
      countsTokens: false,
      countsCost: false,
      boundsSubagents: false,
    },
    live: null,
    // Copilot passes a prompt on stdin to the model unchanged; only its terminal interface interprets `@path` and
    // `/command`.
    promptEscape: null,
    briefingInPrompt: true,
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    explain: (end, run, stderrTail) =>
      explainRun({ title: 'Copilot CLI', advise }, end, withStderr(run, stderrTail), stderrTail),
    makeParser: (run) => new CopilotOutputParser(run),
  };
}

function advise(verdict: Verdict): string {
  return adviseOn(verdict, { auth_required: signInAdvice });
}

/** Adds the team's server, with permission for all of its tools. */
function teamServerArguments(server: TeamServer | null): readonly string[] {
  if (server === null) return [];
  const { command, args } = server;
  const env = serverEnvironment(server, inBraces);
  const entry = { type: 'local', command, args, env, tools: ['*'], timeout: longestCallMs };
  const config = JSON.stringify({ mcpServers: { [teamServerName]: entry } });
  return ['--additional-mcp-config', config, '--allow-tool', teamServerName];
}

function withoutServers(env: Environment): readonly string[] {
  const folder = ownFolder(env);
  const names = folder === null ? [] : serversOf(settingsIn([join(folder, 'mcp-config.json')]), 'mcpServers');
  return names.flatMap((name) => [`--disable-mcp-server=${name}`]);
}

function ownFolder(env: Environment): string | null {
  const home = userHome(env);
  return env.COPILOT_HOME || (home === null ? null : join(home, '.copilot'));
}

/** Checks for credentials where Copilot stores them; its own sign-in is in the system's keychain. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const variables = ['COPILOT_GITHUB_TOKEN', 'GH_TOKEN', 'GITHUB_TOKEN', 'COPILOT_PROVIDER_BASE_URL'];
  if (variables.some((name) => (env[name] ?? '') !== '')) return 'yes';
  const folder = ownFolder(env);
  return folder !== null && existsSync(folder) ? 'unknown' : 'no';
}
