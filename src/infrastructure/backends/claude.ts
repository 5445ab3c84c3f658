import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { AgentEnd, LaunchSpec, ProgramLookup } from '../../application/ports/agent-host.ts';
import type {
  Answer,
  Backend,
  LaunchContext,
  ParsedRun,
  PromptEscape,
} from '../../application/ports/backend.ts';
import type { Agent, AgentFailure } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { modelNamePattern, modelNameRule } from '../../domain/model-name.ts';
import type { AgentOutcome } from '../../domain/workflow.ts';
import { userHome } from '../files/home/maos-home.ts';
import { environmentOf, inheritedEnvironment } from '../process/launch/environment.ts';
import { resolveProgram } from '../process/launch/program.ts';
import { providerVariables } from '../process/launch/provider-variables.ts';
import { ClaudeOutputParser } from './claude-output.ts';
import type { ClaudeSettings } from './claude-settings.ts';
import { exitFailure } from './exit-failure.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** What Claude Code needs of its provider and is not inherited, and what the defaults below must not hide. */
const ownVariables = [
  ...providerVariables.anthropic,
  ...providerVariables.amazon,
  'CLAUDE_CODE_MAX_RETRIES',
  'CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS',
];

/** Left alone it retries even a wrong key for three minutes; see test/fixtures/claude-code/README.md. */
const boundedRetries = { CLAUDE_CODE_MAX_RETRIES: '5' };
/** Left alone it drops some of its background work after ten minutes without a word: how long to wait is ours to say. */
const noCeiling = { CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS: '0' };

/**
 * `@path` attaches the file without asking for a permission, and `@agent-name` calls an agent, wherever white space or
 * some punctuation stands before the `@`; a backslash there stops both (Claude Code 2.1.330, handoff.clients.ts).
 */
const mentionEscape: PromptEscape = {
  apply: (text) => text.replaceAll('@', '\\@'),
  legend: 'In this part, `\\@` means a plain at sign.',
};

const versionTimeoutMs = 15_000;
const signInAdvice = "Run 'claude' once and enter /login, or set ANTHROPIC_API_KEY, then try again.";

/** Claude Code in print mode: prompt on stdin, role as appended system prompt, JSON lines on stdout. */
export function makeClaudeBackend(deps: {
  readonly config: ClaudeSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  async function locate(findProgram: ProgramLookup): Promise<string> {
    try {
      return await findProgram(config.path ?? 'claude');
    } catch (cause) {
      const reason = cause instanceof MaosError ? cause.details.reason : undefined;
      const where = config.path === null ? 'on PATH' : `at ${quote(config.path)} (backends.claude.path)`;
      const what = reason === undefined || reason === 'not_found' ? 'is not' : 'cannot be executed';
      throw new MaosError(
        'BACKEND_UNAVAILABLE',
        `Claude Code ${what} ${where}. Install it (npm install -g @anthropic-ai/claude-code), set MAOS_CLAUDE_PATH, or use another backend.`,
        { cause, details: { backend: 'claude', path: config.path } },
      );
    }
  }

  async function probe() {
    const found = { name: 'claude', path: null, version: null, signedIn: 'unknown' as const };
    try {
      const path = await locate(async (name) => resolveProgram(name, process.cwd(), env.PATH));
      const options = { env: inheritedEnvironment(env), timeout: versionTimeoutMs };
      const { stdout } = await promisify(execFile)(path, ['--version'], options);
      const signedIn = signInOf(env);
      const problem = signedIn === 'no' ? `Not signed in. ${signInAdvice}` : null;
      return {
        ...found,
        available: true,
        path,
        version: stdout.trim().split(/\s/, 1)[0] ?? null,
        signedIn,
        problem,
      };
    } catch (error) {
      return { ...found, available: false, problem: error instanceof Error ? error.message : String(error) };
    }
  }

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env } = context;
    const model = agent.model ?? config.model;
    // Plans are checked; this one may have been stored by a version that did not.
    if (model !== null && !modelNamePattern.test(model)) {
      throw new MaosError(
        'INVALID_INPUT',
        `The model ${quote(model)} cannot be used: it must be ${modelNameRule}.`,
      );
    }
    const args = [
      ...['-p', '--output-format', 'stream-json', '--verbose'],
      ...(resume === null ? ['--session-id', randomUUID()] : ['--resume', resume]),
      ...['--append-system-prompt', briefing],
      ...['--permission-mode', config.permissionMode],
      ...(model === null ? [] : ['--model', model]),
      ...(config.maxBudgetUsd === null ? [] : ['--max-budget-usd', String(config.maxBudgetUsd)]),
      // Shared context and results lie outside the project: without this, writing there needs a permission nobody gives.
      ...['--add-dir', locations.session],
      // Else every agent would start the MCP servers of the user and the project, MAOS itself among them.
      '--strict-mcp-config',
      ...(config.allowedTools.length === 0 ? [] : ['--allowedTools', config.allowedTools.join(',')]),
      ...toolLimits(agent, config.extraArgs),
      ...config.extraArgs,
    ];
    return {
      program: await locate(findProgram),
      args,
      env: { ...boundedRetries, ...noCeiling, ...environmentOf(inherits, ownVariables) },
      stdin: 'prompt',
    };
  }

  return {
    name: 'claude',
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: false,
      asksPermission: false,
      takesCommand: false,
      servesMcp: false,
      countsTokens: true,
      countsCost: true,
      boundsSubagents: false,
    },
    promptEscape: mentionEscape,
    locate,
    probe,
    prepare,
    explain,
    makeParser: () => new ClaudeOutputParser(),
  };
}

/**
 * The tools that the role's file leaves its agents. They limit what there is to ask for; what is allowed is still for
 * the user's permissions to say, and `--allowedTools` is never taken from a file.
 *
 * With the user's own `--tools` the two lists would be added up, and under `--restricted` it brings back what that takes
 * away (Claude Code 2.1.330). Then the user's list holds alone.
 */
function toolLimits({ role }: Agent, extraArgs: readonly string[]): readonly string[] {
  const { tools = null, deniedTools = [] } = role.custom?.file ?? {};
  const isUsers = extraArgs.some((argument) => /^--(tools|restricted)(=|$)/.test(argument));
  // A rule such as `Bash(git log *)` names a tool; whether these commands need a permission is not for the file to say.
  const names = [...new Set(tools?.map((rule) => rule.replace(/\(.*$/, '')))];
  return [
    ...(tools === null || isUsers ? [] : ['--tools', names.join(',')]),
    ...(deniedTools.length === 0 ? [] : ['--disallowedTools', deniedTools.join(',')]),
  ];
}

/** Only a result line without error is success: interrupted by SIGINT it exits with status 0 and none. */
function explain(end: AgentEnd, run: ParsedRun, stderrTail: string): AgentOutcome {
  const { verdict, answer } = run;
  if (verdict?.ok === true) return { state: 'completed', result: run.result ?? '' };
  if (verdict === null) {
    const failure = exitFailure('Claude Code', end, stderrTail);
    if (answer !== null) return explainAnswer(answer, end, failure);
    if (failure.kind !== 'exit_code') return { state: 'failed', failure, result: null };
    const message = `${failure.message} It gave no result${stderrTail === '' ? '' : `: ${lastLine(stderrTail)}`}`;
    return { state: 'failed', failure: { ...failure, message }, result: null };
  }
  const kind = verdict.kind ?? 'exit_code';
  return { state: 'failed', failure: { kind, message: adviseOn(verdict), stderrTail }, result: run.result };
}

/** An answer given with work in the background is the last word only if that was done, and it ended of its own accord. */
function explainAnswer({ text, background }: Answer, end: AgentEnd, failure: AgentFailure): AgentOutcome {
  const hasEndedWell = end.how === 'exited' && end.exitCode === 0;
  if (hasEndedWell && background.length === 0) return { state: 'completed', result: text };
  const what = background.length === 0 ? '' : ` (${background.join(', ')})`;
  const message = `${failure.message} Its background work${what} did not finish, or did not report back.`;
  return { state: 'failed', failure: { ...failure, message }, result: null };
}

function adviseOn({ kind, message, retryAt }: NonNullable<ParsedRun['verdict']>): string {
  const said = message.replace(/\.$/, '');
  if (kind === 'auth_required') {
    return /credit/i.test(said)
      ? `${said}. Add credit, or sign in with another account.`
      : `${said}. ${signInAdvice}`;
  }
  if (kind === 'budget_exceeded') {
    return `${said}. Raise the limit (maxBudgetUsd or extraArgs of backends.claude), or give it a smaller task.`;
  }
  if (kind !== 'rate_limited') return message;
  return retryAt === null
    ? `${said} (rate limited; try again later)`
    : `${said} (rate limited until ${retryAt})`;
}

function lastLine(text: string): string {
  return text.trimEnd().split('\n').at(-1) ?? '';
}

/** Credentials where Claude Code looks for them; on macOS they may be in the keychain, which is not read. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const keys = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'];
  const clouds = ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'];
  if ([...keys, ...clouds].some((name) => (env[name] ?? '') !== '')) return 'yes';
  const home = userHome(env);
  const folder = env.CLAUDE_CONFIG_DIR ?? (home === null ? null : join(home, '.claude'));
  if (folder !== null && existsSync(join(folder, '.credentials.json'))) return 'yes';
  return process.platform === 'darwin' ? 'unknown' : 'no';
}
