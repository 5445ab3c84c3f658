import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { LaunchSpec } from '../../../application/ports/agent-host.ts';
import type { Backend, LaunchContext, Verdict } from '../../../application/ports/backend.ts';
import type { Agent } from '../../../domain/agent.ts';
import { userHome } from '../../files/home/maos-home.ts';
import { environmentOf } from '../../process/launch/environment.ts';
import { providerVariables } from '../../process/launch/provider-variables.ts';
import { checkedModel } from '../shared/checked-model.ts';
import { describeCli, type Environment } from '../shared/cli-program.ts';
import { adviseOn, explainRun } from '../shared/explain.ts';
import { mentionEscape } from '../shared/mention-escape.ts';
import { editHook } from './edit-hook.ts';
import { liveArguments, liveInput } from './live-input.ts';
import { ClaudeOutputParser } from './output.ts';
import type { ClaudeSettings } from './settings.ts';
import { teamServerOf } from './team-server.ts';

/** Provider variables that are not inherited, and variables that the defaults below must not override. */
const ownVariables = [
  ...providerVariables.anthropic,
  ...providerVariables.amazon,
  'CLAUDE_CODE_MAX_RETRIES',
  'CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS',
];

/** By default it retries even a wrong key for three minutes; see test/fixtures/claude-code/README.md. */
const boundedRetries = { CLAUDE_CODE_MAX_RETRIES: '5' };
/** By default it silently drops some background work after ten minutes; MAOS decides how long to wait. */
const noCeiling = { CLAUDE_CODE_PRINT_BG_WAIT_CEILING_MS: '0' };
/**
 * MAOS closes the input after the result. If no MAOS process is left to do so, Claude Code exits after five minutes
 * without a turn and without background work. With a plain prompt, print mode exits at once.
 */
const endsAlone = { CLAUDE_CODE_EXIT_AFTER_STOP_DELAY: '300000' };

/** The current and the former name of the tool that starts sub-agents. */
const subagentTools = ['Agent', 'Task'];
/** The tool that leaves the agent's worktree for another one, in the user's checkout: its work would not be found. */
const worktreeTool = 'EnterWorktree';
const signInAdvice = "Run 'claude' once and enter /login, or set ANTHROPIC_API_KEY, then try again.";

/**
 * Claude Code in print mode: JSON lines on stdin, beginning with the prompt, and on stdout; role as appended system
 * prompt.
 */
export function makeClaudeBackend(deps: {
  readonly config: ClaudeSettings;
  readonly env: Environment;
}): Backend {
  const { config, env } = deps;

  const cli = describeCli({
    name: 'claude',
    title: 'Claude Code',
    executable: 'claude',
    packageName: '@anthropic-ai/claude-code',
    variable: 'MAOS_CLAUDE_PATH',
    testedVersion: '2.1.332',
    path: config.path,
    env,
    signIn: () => signInOf(env),
    signInAdvice,
  });

  async function prepare(context: LaunchContext): Promise<LaunchSpec> {
    const { agent, briefing, locations, resume, findProgram, inherits = env, maxSubagents = null } = context;
    const team = teamServerOf(context.teamServer ?? null);
    const allowedTools = [...team.allowedTools, ...config.allowedTools];
    const model = checkedModel(agent.model ?? config.model);
    const args = [
      ...['-p', '--output-format', 'stream-json', '--verbose', ...liveArguments],
      ...(resume === null ? ['--session-id', randomUUID()] : ['--resume', resume]),
      ...['--append-system-prompt', briefing],
      ...['--permission-mode', config.permissionMode],
      ...(model === null ? [] : ['--model', model]),
      ...ceilings(agent, config.maxBudgetUsd),
      // Shared context and results are outside the project: writing there would need a permission that no user is there
      // to give.
      ...['--add-dir', locations.session],
      // Otherwise every agent would start the MCP servers of the user and the project, including MAOS itself.
      ...[...team.args, '--strict-mcp-config'],
      ...editHook(context.teamServer ?? null),
      ...(allowedTools.length === 0 ? [] : ['--allowedTools', allowedTools.join(',')]),
      ...toolLimits(agent, config.extraArgs, maxSubagents === 0),
      ...config.extraArgs,
    ];
    return {
      program: await cli.locate(findProgram),
      args,
      env: { ...boundedRetries, ...noCeiling, ...environmentOf(inherits, ownVariables), ...endsAlone },
      stdin: 'stream',
    };
  }

  return {
    name: 'claude',
    capabilities: {
      output: 'structured',
      resumes: true,
      receives: true,
      asksPermission: true,
      takesCommand: false,
      servesMcp: true,
      showsTeamResults: true,
      countsTokens: true,
      countsCost: true,
      boundsSubagents: false,
    },
    live: liveInput,
    promptEscape: mentionEscape,
    locate: cli.locate,
    probe: cli.probe,
    prepare,
    explain: (end, run, stderrTail) => explainRun({ title: 'Claude Code', advise }, end, run, stderrTail),
    makeParser: () => new ClaudeOutputParser(),
  };
}

/** The remainder of the agent's own budget, so that Claude Code ends in order before MAOS stops it. */
function ceilings({ budget, usageBefore }: Agent, maxBudgetUsd: number | null): readonly string[] {
  const { maxTurns, maxCostUsd } = budget;
  const costs = [
    ...(maxBudgetUsd === null ? [] : [maxBudgetUsd]),
    ...(maxCostUsd === null ? [] : [maxCostUsd - (usageBefore?.costUsd ?? 0)]),
  ];
  const turns = maxTurns === null ? null : Math.max(1, maxTurns - (usageBefore?.turns ?? 0));
  return [
    ...(costs.length === 0 ? [] : ['--max-budget-usd', String(Math.max(0.01, Math.min(...costs)))]),
    ...(turns === null ? [] : ['--max-turns', String(turns)]),
  ];
}

/**
 * The tools that the role's file gives its agents. They limit which tools exist; what is allowed remains a matter of
 * the user's permissions, and `--allowedTools` is never taken from a file.
 *
 * If the user sets `--tools`, Claude Code would combine both lists; under `--restricted` it would bring back removed
 * tools (2.1.330). Then only the user's list applies.
 */
function toolLimits(
  { role, workspace }: Agent,
  extraArgs: readonly string[],
  isAlone: boolean,
): readonly string[] {
  const { tools = null, deniedTools: ofFile = [] } = role.custom?.file ?? {};
  // Denying the tools is the only effective limit: the variables for sub-agents do nothing (Claude Code 2.1.330).
  const deniedTools = [
    ...ofFile,
    ...(isAlone ? subagentTools : []),
    ...(workspace === 'worktree' ? [worktreeTool] : []),
  ];
  const isUsers = extraArgs.some((argument) => /^--(tools|restricted)(=|$)/.test(argument));
  // A rule such as `Bash(git log *)` only names the tool; the file does not decide which commands need a permission.
  const names = [...new Set(tools?.map((rule) => rule.replace(/\(.*$/, '')))];
  return [
    ...(tools === null || isUsers ? [] : ['--tools', names.join(',')]),
    ...(deniedTools.length === 0 ? [] : ['--disallowedTools', deniedTools.join(',')]),
  ];
}

const raiseLimit =
  'Raise the limit (the budget of the agent, or maxBudgetUsd of backends.claude), or give it a smaller task.';

function advise(verdict: Verdict): string {
  const isCredit = /credit/i.test(verdict.message);
  return adviseOn(verdict, {
    auth_required: isCredit ? 'Add credit, or sign in with another account.' : signInAdvice,
    budget_exceeded: raiseLimit,
  });
}

/** Checks for credentials where Claude Code stores them, except in the macOS keychain. */
function signInOf(env: Environment): 'yes' | 'no' | 'unknown' {
  const keys = ['ANTHROPIC_API_KEY', 'ANTHROPIC_AUTH_TOKEN', 'CLAUDE_CODE_OAUTH_TOKEN'];
  const clouds = ['CLAUDE_CODE_USE_BEDROCK', 'CLAUDE_CODE_USE_VERTEX', 'CLAUDE_CODE_USE_FOUNDRY'];
  if ([...keys, ...clouds].some((name) => (env[name] ?? '') !== '')) return 'yes';
  const home = userHome(env);
  const folder = env.CLAUDE_CONFIG_DIR ?? (home === null ? null : join(home, '.claude'));
  if (folder !== null && existsSync(join(folder, '.credentials.json'))) return 'yes';
  return process.platform === 'darwin' ? 'unknown' : 'no';
}
