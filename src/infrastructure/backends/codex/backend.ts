import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AgentEnd, LaunchSpec } from '../../../application/ports/agent-host.ts';
import type {
  Backend,
  BackendProbe,
  LaunchContext,
  ParsedRun,
  PromptEscape,
  TeamServer,
  Verdict,
} from '../../../application/ports/backend.ts';
import type { AgentOutcome } from '../../../domain/settle-agent.ts';
import { userHome } from '../../files/home/maos-home.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { providerVariables } from '../../process/launch/provider-variables.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { describeCli, type Environment } from '../shared/cli-program.ts';
import { adviseOn, explainRun, withoutResult } from '../shared/explain.ts';
import { longestCallMs, startMs, teamServerName } from '../shared/team-server.ts';
import { configuredServers } from './mcp-servers.ts';
import { CodexOutputParser } from './output.ts';
import type { CodexSettings } from './settings.ts';
import { failureOf } from './verdicts.ts';

const title = 'Codex';
const ownVariables = [...providerVariables.openai, ...providerVariables.azure];

/**
 * `$name` anywhere loads the skill of that name, even after a backslash or within a word; a backslash after the dollar
 * sign prevents it. `@path`, `/command` and `!command` have no effect in `codex exec` (0.169.0,
 * codex-agents.clients.ts).
 */
const skillEscape: PromptEscape = {
  apply: (text) => text.replaceAll('$', '$$\\'),
  legend: 'In this part, `$\\` means a plain dollar sign.',
};

const signInAdvice = "Run 'codex login', or set CODEX_API_KEY, then try again.";

/** `codex exec`: prompt on stdin, role as developer instructions, JSON lines on stdout. */
export function makeCodexBackend(deps: {
  readonly config: CodexSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'codex',
    title,
    executable: 'codex',
    packageName: '@openai/codex',
    variable: 'MAOS_CODEX_PATH',
    testedVersion: '0.169.0',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env, maxSubagents = null } = context;
    const model = checkedModel(agent.model ?? config.model);
    const program = await cli.locate(findProgram);
    const passed = environmentOf(inherits, ownVariables);
    const servers = await configuredServers(program, locations.workingDirectory, { ...inherits, ...passed });
    const settings = {
      developer_instructions: toml(briefing),
      // Otherwise every agent would start the MCP servers of the user and the project, including MAOS itself.
      mcp_servers: `{${[...servers.map((name) => `${toml(name)} = {enabled = false}`), ...teamServerOf(context.teamServer ?? null)].join(', ')}}`,
      // Plugins and connectors bring their own MCP servers.
      'features.plugins': 'false',
      'features.apps': 'false',
      // By default it waits for the network for ever.
      'features.unbounded_connection_retries': 'false',
      ...subagentBounds(maxSubagents),
    };
    const args = [
      // Outside a repository it refuses to start, because changes could not be undone; the user chose the folder for
      // MAOS.
      ...['exec', '--json', '--skip-git-repo-check'],
      ...['--sandbox', config.sandbox],
      // Shared context and results are outside the project.
      ...['--add-dir', locations.session],
      ...(model === null ? [] : ['--model', model]),
      ...Object.entries(settings).flatMap(([key, value]) => ['-c', `${key}=${value}`]),
      ...config.extraArgs,
      ...(resume === null ? [] : ['resume', resume]),
      // Reads the prompt from stdin.
      '-',
    ];
    return { program, args, env: passed, stdin: 'prompt' };
  }

  return {
    name: 'codex',
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
      boundsSubagents: true,
    },
    live: null,
    promptEscape: skillEscape,
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    explain,
    makeParser: () => new CodexOutputParser(),
  };
}

/** Limits concurrent sub-agents, because Codex has no limit on their total number. Nested ones would not be visible. */
function subagentBounds(max: number | null): Readonly<Record<string, string>> {
  if (max === null) return {};
  if (max === 0) return { 'agents.enabled': 'false' };
  return { 'agents.max_concurrent_threads_per_session': String(max), 'agents.max_depth': '1' };
}

/** If the server cannot be started, Codex reports it on stderr and works without it. */
function teamServerOf(server: TeamServer | null): readonly string[] {
  if (server === null) return [];
  const { command, args, env, passes } = server;
  const list = (texts: readonly string[]): string => `[${texts.map(toml).join(', ')}]`;
  const given = Object.entries(env).map(([name, value]) => `${name} = ${toml(value)}`);
  const fields = [
    `command = ${toml(command)}`,
    `args = ${list(args)}`,
    `env = {${given.join(', ')}}`,
    `env_vars = ${list(passes)}`,
    `startup_timeout_sec = ${startMs / 1_000}`,
    `tool_timeout_sec = ${longestCallMs / 1_000}`,
  ];
  return [`${toml(teamServerName)} = {${fields.join(', ')}}`];
}

/** A text in TOML: JSON strings are valid TOML, except for one character. */
function toml(text: string): string {
  return JSON.stringify(text.toWellFormed()).replaceAll('\x7f', '\\u007f');
}

/** When Codex fails before its first turn, only stderr has the reason. */
function explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome {
  const said = /^error:? .*/im.exec(stderrTail)?.[0] ?? null;
  const isFailedStart = run.verdict === null && end.how === 'exited' && end.signal === null && said !== null;
  if (!isFailedStart) return explainRun({ title, advise }, end, run, stderrTail);
  if (said.includes('no rollout found for thread')) {
    return {
      state: 'resumable',
      reason: `${title} has lost its conversation (${said}), so it starts a new one.`,
      afresh: true,
    };
  }
  const { kind } = failureOf(said);
  const message = withoutResult(title, end, said);
  return explainRun(
    { title, advise },
    end,
    { ...run, verdict: { ok: false, kind, message, retryAt: null } },
    stderrTail,
  );
}

function advise(verdict: Verdict): string {
  const isCredit = /quota exceeded/i.test(verdict.message);
  return adviseOn(verdict, {
    auth_required: isCredit ? 'Add credit, or sign in with another account.' : signInAdvice,
  });
}

/** Checks for credentials where Codex stores them, except in a keyring and for other providers. */
function signInOf(env: Environment): BackendProbe['signedIn'] {
  if (['CODEX_API_KEY', 'CODEX_ACCESS_TOKEN'].some((name) => (env[name] ?? '') !== '')) return 'yes';
  const home = userHome(env);
  const folder = env.CODEX_HOME ?? (home === null ? null : join(home, '.codex'));
  if (folder === null) return 'unknown';
  if (existsSync(join(folder, 'auth.json'))) return 'yes';
  try {
    const config = readFileSync(join(folder, 'config.toml'), 'utf8');
    return /^\s*(model_provider|cli_auth_credentials_store|oss_provider|profile)\s*=/m.test(config)
      ? 'unknown'
      : 'no';
  } catch {
    // Missing, or not readable for this user.
    return 'no';
  }
}
