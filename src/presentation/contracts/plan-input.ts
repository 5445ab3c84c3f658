import * as z from 'zod';
import type { OrchestrateRequest } from '../../application/control/plan-request.ts';
import { agentWorkspaces, stdinChoices } from '../../domain/agent.ts';
import { isPathPattern } from '../../domain/path-pattern.ts';
import type { AgentDraft, VerifyDraft } from '../../domain/plan.ts';
import { mostReruns, poolPattern } from '../../domain/pool.ts';
import {
  exitPolicies,
  failurePolicies,
  landChoices,
  parentEndPolicies,
  strategies,
} from '../../domain/session.ts';
import { maxPorts } from '../../domain/worktree.ts';

/** In characters: every agent receives the objective, also through its environment. */
const maxObjective = 20_000;
const maxTask = 1_000_000;

const noNul = (text: string): boolean => !text.includes('\u0000');
const nulMessage = 'must not contain a NUL character';

const text = (max: number) =>
  z.string().trim().min(1, 'must not be empty').max(max).refine(noNul, nulMessage);

const customRole = z
  .strictObject({
    name: text(63),
    description: text(2_000),
    responsibilities: z.array(text(500)).max(20).optional(),
  })
  .describe('{name, description, responsibilities}');

const budget = z.strictObject({
  max_tokens: z.int().min(1).optional(),
  max_cost_usd: z.number().positive().optional(),
  max_turns: z.int().min(1).optional(),
  max_minutes: z.number().positive().optional(),
});
const budgetKeys = '{max_tokens, max_cost_usd, max_turns, max_minutes}';

const line = text(100_000);

/** Patterns of `.gitignore`, or paths; they stay in the repository. */
const insidePath = text(1_000).refine((path) => !path.split('/').includes('..'), "must not contain '..'");
const insidePaths = z.array(insidePath).max(200);

const worktree = z.strictObject({
  copy: insidePaths.optional().describe('What to copy from your checkout; patterns as in .gitignore'),
  link: insidePaths.optional().describe('What to link instead of copying, because it is large and only read'),
  setup: line.optional().describe('Shell line that runs in the worktree before the agent starts'),
  ports: z.int().min(0).max(maxPorts).optional().describe('Free TCP ports, in MAOS_PORT_1 and so on'),
});

const lines = z.array(line).min(1).max(50);

const verifyRules = z
  .strictObject({
    command: line.optional(),
    commands: lines.optional().describe('Run one after the other until one fails'),
    timeout_minutes: z.number().positive().max(10_080).optional().describe('Of each command; default: 30'),
    fix_rounds: z
      .int()
      .min(0)
      .max(20)
      .optional()
      .describe('How often the agent may fix what a check found; default: 2'),
    protect: z
      .array(
        insidePath.refine(
          isPathPattern,
          'must be a pattern as of path claims: at most 400 characters, no braces',
        ),
      )
      .max(200)
      .optional()
      .describe('Files that are taken from where the agent began, so that it cannot change its own judge'),
  })
  .refine(
    ({ command, commands }) => (command === undefined) !== (commands === undefined),
    "must have either 'command' or 'commands'",
  )
  .describe('{command or commands, timeout_minutes, fix_rounds, protect: globs}');

const verify = z.union([line, lines, verifyRules]);
const sessionVerify = z.union([line, lines, verifyRules.describe('{…}, as of an agent')]);

const agent = z.strictObject({
  role: z.union([text(63), customRole]).describe('Of list-roles, or your own'),
  task: text(maxTask).describe('What to do and deliver'),
  name: text(64).optional().describe('Default: the role, numbered when repeated'),
  depends_on: z.array(text(64)).max(500).optional().describe('Agents that must complete first'),
  stage: z.int().min(0).max(499).optional().describe("For strategy 'pipeline'"),
  backend: text(63).optional().describe("'claude' (default), 'command', …"),
  command: z
    .union([z.array(z.string().max(100_000).refine(noNul, nulMessage)).min(1).max(1_000), text(100_000)])
    .optional()
    .describe('[program, args…] without a shell, or a /bin/sh line'),
  stdin: z
    .enum(stdinChoices)
    .optional()
    .describe("What its command reads; default: the prompt, nothing in the role 'command'"),
  model: text(200).optional(),
  fallback: z.array(text(63)).max(10).optional().describe('When the quota is used up'),
  workspace: z.enum(agentWorkspaces).optional(),
  // A refinement, because clients read the schema of every tool at their start.
  pool: z
    .string()
    .refine((name) => poolPattern.test(name), "must be 1 to 63 of a-z, 0-9, '-' and '_'")
    .optional(),
  rerun_on_lost: z.boolean().optional(),
  worktree: worktree
    .optional()
    .describe(
      '{copy: globs, link: globs, setup: shell line, ports: count} for workspace worktree: an own branch',
    ),
  verify: verify.optional().describe('Shell lines that must succeed'),
  instance_suffix: z
    .string()
    .regex(/^[a-z0-9_]{1,32}$/, "must be 1 to 32 of a-z, 0-9 and '_'")
    .optional(),
  timeout_minutes: z.number().positive().max(10_080).optional(),
  max_memory_mb: z.int().min(16).max(1_048_576).optional(),
  max_subagents: z.int().min(0).max(10_000).optional(),
  budget: budget.optional().describe(budgetKeys),
});

/** Explains why a formerly accepted strategy is refused; Zod explains all others. */
function whyNoStrategy({ input }: { readonly input: unknown }): string | undefined {
  return input === 'adaptive'
    ? "cannot be 'adaptive': MAOS does not plan by itself. List the agents and use 'parallel', 'sequential' or 'pipeline'"
    : undefined;
}

const plan = z.strictObject({
  objective: text(maxObjective).describe('The goal of the whole team'),
  agents: z.array(agent).max(500).optional(),
  strategy: z.enum(strategies, { error: whyNoStrategy }).optional().describe('Default: parallel'),
  failure_policy: z.enum(failurePolicies).optional(),
  on_exit: z.enum(exitPolicies).optional().describe('On shutdown: stop or keep the agents'),
  on_parent_end: z
    .enum(parentEndPolicies)
    .optional()
    .describe('When the agent that started it ends; default: cancel'),
  max_agents_per_role: z.int().min(1).max(500).optional(),
  max_concurrency: z.int().min(1).max(500).optional(),
  budget: budget.optional().describe(`${budgetKeys}, for all agents together`),
  verify: sessionVerify.optional().describe('Of all work together'),
  land: z.enum(landChoices).optional().describe("'auto': onto the user's branch"),
  idempotency_key: text(200).optional().describe('Same key and plan: same session'),
  dry_run: z.boolean().optional().describe('Only show the plan; run nothing'),
});

export type PlanJson = z.input<typeof plan>;
export type AgentJson = z.input<typeof agent>;

/** Requires every field of the request: a missing one does not compile. */
type Mapping<T> = { readonly [K in keyof T]-?: T[K] };

function budgetOf(json: z.input<typeof budget> | undefined) {
  if (json === undefined) return undefined;
  return {
    maxTokens: json.max_tokens,
    maxCostUsd: json.max_cost_usd,
    maxTurns: json.max_turns,
    maxWallMs: millisecondsOf(json.max_minutes),
  } satisfies Mapping<AgentDraft['budget'] & object>;
}

function verifyOf(json: z.input<typeof verify> | undefined): VerifyDraft | undefined {
  if (json === undefined) return undefined;
  if (typeof json === 'string' || Array.isArray(json)) return { commands: [json].flat() };
  return {
    commands: [json.command ?? json.commands ?? []].flat(),
    timeoutMs: millisecondsOf(json.timeout_minutes),
    fixRounds: json.fix_rounds,
    protect: json.protect,
  } satisfies Mapping<VerifyDraft>;
}

function agentOf(json: AgentJson) {
  return {
    role: json.role,
    task: json.task,
    name: json.name,
    dependsOn: json.depends_on,
    stage: json.stage,
    backend: json.backend,
    command: json.command,
    stdin: json.stdin,
    model: json.model,
    fallback: json.fallback,
    workspace: json.workspace,
    pool: json.pool,
    rerunOnLost: json.rerun_on_lost === true ? mostReruns : undefined,
    worktree: json.worktree,
    verify: verifyOf(json.verify),
    instanceSuffix: json.instance_suffix,
    timeoutMs: millisecondsOf(json.timeout_minutes),
    maxMemoryMb: json.max_memory_mb,
    maxSubagents: json.max_subagents,
    budget: budgetOf(json.budget),
  } satisfies Mapping<AgentDraft>;
}

/** The request that a plan in JSON describes. */
export function requestOf(json: PlanJson): OrchestrateRequest {
  return {
    objective: json.objective,
    agents: json.agents?.map(agentOf),
    strategy: json.strategy,
    failurePolicy: json.failure_policy,
    onExit: json.on_exit,
    onParentEnd: json.on_parent_end,
    limits: { maxAgentsPerRole: json.max_agents_per_role, maxConcurrency: json.max_concurrency },
    budget: budgetOf(json.budget),
    verify: verifyOf(json.verify),
    land: json.land,
    idempotencyKey: json.idempotency_key,
    dryRun: json.dry_run,
  } satisfies Mapping<OrchestrateRequest>;
}

function millisecondsOf(minutes: number | undefined): number | undefined {
  return minutes === undefined ? undefined : Math.round(minutes * 60_000);
}

/** Input of `orchestrate`. */
export const planInput = plan.transform(requestOf);

/** A name that `${name}` can stand for, as of variables of the shell. */
export const variableName = /^[A-Za-z_][A-Za-z0-9_]{0,63}$/;

const variables = z.record(
  z.string().regex(variableName, "variables are named with letters, digits and '_', and begin with no digit"),
  z.union([z.string().max(100_000), z.number(), z.boolean(), z.null()]),
);

/** A plan in a file: the same object, with what is for editors and for `maos run --set`. */
export const planFileInput = plan
  .extend({
    $schema: z.string().optional().describe('Where this schema is; for editors'),
    variables: variables
      .optional()
      .describe('{name: default, or null if --set must give it}; texts refer to it by name, as a shell does'),
  })
  .transform(requestOf);
