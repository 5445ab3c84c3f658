import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';
import type { Budget } from '../../../domain/budget.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { type AgentDraft, type Draft, given } from '../../../domain/plan.ts';
import type { ExitPolicy, FailurePolicy, ParentEndPolicy, Strategy } from '../../../domain/session.ts';
import type { ListedValue, OptionValues } from '../shell/option-values.ts';

const namePattern = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$/;

/**
 * Whether the first word of `maos run` names a file with a plan rather than an objective: 'Update package.json' is one
 * only where there is such a file.
 */
export function isPlanFile(word: string, exists: (path: string) => boolean): boolean {
  if (word === '-') return true;
  return /\.(jsonc?|ya?ml)$/i.test(word) && (!/\s/.test(word) || exists(word));
}

/**
 * The agents of `--agent` and `--exec`, in the order they were written.
 * @throws MaosError INVALID_INPUT for one that cannot be read
 */
export function agentsFromOptions(options: OptionValues): readonly AgentDraft[] {
  return options
    .list('agent', 'exec')
    .map((word) => (word.option === 'exec' ? execAgent(word) : roleAgent(word)));
}

/** `role=task`, with `name:` before the role and `@backend` or `@backend/model` behind it. */
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
  if (!namePattern.test(first) || second === '') {
    throw invalid('--agent', value, "'name:role=task' with a name of letters, digits, '_', '.' or '-'");
  }
  return { name: first, role: second, task, ...on };
}

/** `name=shell line`: any program, as an engineer. */
function execAgent({ value }: ListedValue): AgentDraft {
  const [name, line] = splitAt(value, '=');
  if (line === undefined || line === '' || !namePattern.test(name)) {
    throw invalid('--exec', value, "'name=shell line', such as --exec 'tests=npm test'");
  }
  return { name, role: 'engineer', task: `Run: ${line}`, command: line };
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

/** What the team is to reach, where only its agents were given. */
export function objectiveOf(agents: readonly AgentDraft[]): string {
  const [only] = agents;
  if (agents.length === 1 && only !== undefined) return startOf(only.task, 2_000);
  const tasks = agents.map(({ name, role, task }) => `${name ?? String(role)}: ${task}`);
  return startOf(tasks.join('; '), 2_000);
}

/** The request with what the options say over it; `--backend`, `--model`, `--fallback` and `--timeout-minutes` fill gaps of its agents. */
export function withOptions(request: OrchestrateRequest, options: OptionValues): OrchestrateRequest {
  const model = options.text('model');
  const backend = options.text('backend');
  const fallback = options
    .text('fallback')
    ?.split(',')
    .map((name) => name.trim());
  const minutes = options.number('timeout-minutes');
  const agents = request.agents?.map((agent): AgentDraft => {
    const isCommand = agent.command !== undefined;
    return {
      ...agent,
      backend: agent.backend ?? (isCommand ? undefined : backend),
      model: agent.model ?? (isCommand ? undefined : model),
      fallback: agent.fallback ?? (isCommand ? undefined : fallback),
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
    budget: budgetWith(request.budget, options),
    dryRun: options.flag('dry-run') || request.dryRun,
  };
}

/** The plan's budget of the session, with what the options say over it. */
function budgetWith(budget: Draft<Budget> | undefined, options: OptionValues): Draft<Budget> {
  const minutes = options.number('max-minutes');
  return {
    ...budget,
    ...given({
      maxTokens: options.number('max-tokens'),
      maxCostUsd: options.number('max-cost'),
      maxTurns: options.number('max-turns'),
      maxWallMs: minutes === undefined ? undefined : Math.round(minutes * 60_000),
    }),
  };
}
