import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { type AgentDraft, given } from '../../../domain/plan.ts';
import { agentNamePattern } from '../../../domain/plan-names.ts';
import { commandRole } from '../../../domain/roles/command-role.ts';
import type { ExitPolicy, FailurePolicy, ParentEndPolicy, Strategy } from '../../../domain/session.ts';
import type { ListedValue, OptionValues } from '../shell/option-values.ts';
import { budgetFromOptions } from './budget-options.ts';

/**
 * Whether the first argument of `maos run` names a plan file rather than an objective. 'Update package.json' does so
 * only if that file exists.
 */
export function isPlanFile(word: string, exists: (path: string) => boolean): boolean {
  if (word === '-') return true;
  return /\.(jsonc?|ya?ml)$/i.test(word) && (!/\s/.test(word) || exists(word));
}

/**
 * The agents from `--agent` and `--exec`, in the order given.
 * @throws MaosError INVALID_INPUT for an invalid one
 */
export function agentsFromOptions(options: OptionValues): readonly AgentDraft[] {
  return options
    .list('agent', 'exec')
    .map((word) => (word.option === 'exec' ? execAgent(word) : roleAgent(word)));
}

/** Parses `role=task`, with an optional `name:` before the role and `@backend` or `@backend/model` after it. */
function roleAgent({ value }: ListedValue): AgentDraft {
  const [who, task] = splitAt(value, '=');
  if (task === undefined || who === '' || task === '') {
    throw invalid(
      '--agent',
      value,
      "'role=task' or 'name:role=task', such as --agent 'tester=Test the login'",
    );
  }
  const [named, place] = splitAt(who, '@');
  const [backend, model] = place === undefined ? [undefined, undefined] : splitAt(place, '/');
  if (backend === '' || model === '') {
    throw invalid('--agent', value, "'role@backend=task' or 'role@backend/model=task'");
  }
  const [first, second] = splitAt(named, ':');
  const on = given({ backend, model });
  if (second === undefined) return { role: first, task, ...on };
  if (second === '') throw invalid('--agent', value, "'name:role=task'");
  checkName('--agent', first);
  return { name: first, role: second, task, ...on };
}

/** Parses `name=shell line`: any program, in a role of its own. */
function execAgent({ value }: ListedValue): AgentDraft {
  const [name, line] = splitAt(value, '=');
  if (line === undefined || line === '' || name === '') {
    throw invalid('--exec', value, "'name=shell line', such as --exec 'tests=npm test'");
  }
  checkName('--exec', name);
  return { name, role: commandRole.name, task: `Run: ${line}`, command: line };
}

/** @throws MaosError INVALID_INPUT */
function checkName(option: string, name: string): void {
  if (agentNamePattern.test(name)) return;
  throw new MaosError(
    'INVALID_INPUT',
    `${option}: ${quote(name)} cannot name an agent. A name has 1 to 64 of the letters a to z and A to Z, digits, '_', '.' and '-', and begins with a letter or digit.`,
    { details: { option, name: startOf(name, 200) } },
  );
}

function splitAt(text: string, separator: string): readonly [string, string | undefined] {
  const index = text.indexOf(separator);
  if (index < 0) return [text.trim(), undefined];
  return [text.slice(0, index).trim(), text.slice(index + separator.length).trim()];
}

function invalid(option: string, value: string, form: string): MaosError {
  return new MaosError('INVALID_INPUT', `${option} ${quote(value)} is not valid: write ${form}.`, {
    details: { option, value: startOf(value, 200) },
  });
}

/**
 * The values from `--set name=value`; the last one of a name counts.
 * @throws MaosError INVALID_INPUT
 */
export function variablesFromOptions(options: OptionValues): ReadonlyMap<string, string> {
  return new Map(
    options.list('set').map(({ value }) => {
      const at = value.indexOf('=');
      if (at < 1) throw invalid('--set', value, "'name=value', such as --set branch=main");
      return [value.slice(0, at).trim(), value.slice(at + 1)] as const;
    }),
  );
}

/** The team's objective if only agents were given. */
export function objectiveOf(agents: readonly AgentDraft[]): string {
  const [only] = agents;
  if (agents.length === 1 && only !== undefined) return startOf(only.task, 2_000);
  const tasks = agents.map(({ name, role, task }) => `${name ?? String(role)}: ${task}`);
  return startOf(tasks.join('; '), 2_000);
}

/**
 * Applies the options to the request. `--backend`, `--model`, `--fallback`, `--timeout-minutes`, `--worktree` and
 * `--verify` only fill what its agents leave open.
 * @throws MaosError INVALID_INPUT for an empty check
 */
export function withOptions(request: OrchestrateRequest, options: OptionValues): OrchestrateRequest {
  const model = options.text('model');
  const backend = options.text('backend');
  const fallback = options
    .text('fallback')
    ?.split(',')
    .map((name) => name.trim());
  const minutes = options.number('timeout-minutes');
  const verify = checkFromOptions(options);
  const agents = request.agents?.map((agent): AgentDraft => {
    const isCommand = agent.command !== undefined;
    return {
      ...agent,
      backend: agent.backend ?? (isCommand ? undefined : backend),
      model: agent.model ?? (isCommand ? undefined : model),
      fallback: agent.fallback ?? (isCommand ? undefined : fallback),
      workspace:
        agent.workspace ?? (agent.worktree === undefined ? workspaceFromOptions(options) : undefined),
      verify: agent.verify ?? verify,
      timeoutMs: agent.timeoutMs ?? (minutes === undefined ? undefined : Math.round(minutes * 60_000)),
    };
  });
  return {
    ...request,
    agents,
    strategy: (options.text('strategy') as Strategy | undefined) ?? request.strategy,
    failurePolicy: (options.text('failure-policy') as FailurePolicy | undefined) ?? request.failurePolicy,
    onExit: options.flag('detach')
      ? 'keep'
      : ((options.text('on-exit') as ExitPolicy | undefined) ?? request.onExit),
    onParentEnd: (options.text('on-parent-end') as ParentEndPolicy | undefined) ?? request.onParentEnd,
    limits: {
      ...request.limits,
      ...given({
        maxConcurrency: options.number('max-concurrency'),
        maxAgentsPerRole: options.number('max-per-role'),
      }),
    },
    budget: { ...request.budget, ...budgetFromOptions(options) },
    land: options.flag('land') ? 'auto' : request.land,
    idempotencyKey: options.text('idempotency-key') ?? request.idempotencyKey,
    dryRun: options.flag('dry-run') || request.dryRun,
  };
}

function workspaceFromOptions(options: OptionValues): AgentDraft['workspace'] {
  return options.flag('worktree') ? 'worktree' : undefined;
}

function checkFromOptions(options: OptionValues): AgentDraft['verify'] {
  const commands = options.list('verify').map(({ value }) => value.trim());
  if (commands.includes('')) throw invalid('--verify', '', "a shell line, such as --verify 'npm test'");
  return commands.length === 0 ? undefined : { commands };
}
