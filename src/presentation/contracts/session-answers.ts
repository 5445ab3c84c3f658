import * as z from 'zod';
import { agentStates } from '../../domain/agent.ts';
import { agentStages } from '../../domain/agent-stage.ts';
import { type BudgetItem, budgetItems } from '../../domain/budget.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { InputRequest } from '../../domain/input-request.ts';
import { collapseSpaces } from '../../domain/invisible-marks.ts';
import { sessionStates } from '../../domain/session.ts';
import { diffText, proofStates } from '../../domain/work-text.ts';
import { requestView } from './request-view.ts';
import { type AgentView, type BudgetView, type SessionView, usageKeys } from './views.ts';

/**
 * Schemas of what servers answer about sessions and agents: sent to clients, and verified for every answer in the
 * tests. All are selections of the same views, and short, because clients load all of them at start. Missing values are
 * omitted.
 */

export const sessionState = z.enum(sessionStates);
export const agentState = z.enum(agentStates);

/** Number of agents by state, and `total`. */
export const progressCounts = z.partialRecord(z.enum(['total', ...agentStates]), z.int());

/** Without `cost_usd` if the backends report no price. */
export const usageTotals = z.partialRecord(z.enum(usageKeys), z.number());

const agentCore = {
  agent_id: z.string(),
  name: z.string(),
  role: z.string(),
  state: agentState,
};

const outcome = {
  /** Of its worktree. */
  branch: z.string().optional(),
  commit: z.string().optional(),
  changes: z.string().optional(),
  /** Of its work, by checks that MAOS ran. */
  proof: z.enum(proofStates).optional(),
  failure_kind: z.string().optional(),
  failure: z.string().optional(),
  result: z.string().optional(),
};

/** An agent in a plan. A dry run has no ids, because nothing was stored. */
export const plannedAgent = z.strictObject({
  ...agentCore,
  agent_id: z.string().optional(),
  phase: z.int(),
  depends_on: z.array(z.string()),
  /** Its worktree and check. */
  note: z.string().optional(),
});

/** The state of an agent, and its result. */
export const agentOutcome = z.strictObject({
  ...agentCore,
  ...outcome,
  /** The first of the actions that it was denied, and continued without. */
  not_permitted: z.array(z.string()).optional(),
});

export const agentStatus = z
  .strictObject({
    ...agentCore,
    /** While it runs. */
    stage: z.enum(agentStages).optional(),
    backend: z.string(),
    depends_on: z.array(z.string()),
    attempt: z.int(),
    started_at: z.string().optional(),
    ended_at: z.string().optional(),
    ...outcome,
    /**
     * Suspended, finished but not ended, waiting for its provider, or the reason why it waits; its check or fix round;
     * and what it was not permitted to do.
     */
    note: z.string().optional(),
    tokens: z.int().optional(),
    cost_usd: z.number().optional(),
    budget: z.string().optional(),
  })
  .describe(
    '{agent_id, name, role, state, stage, backend, depends_on, attempt, branch, commit, changes, proof, failure_kind, failure, result, note, tokens, cost_usd, budget}',
  );

/** An agent's request that has no answer yet. */
export const openRequest = z
  .strictObject({
    request_id: z.string(),
    agent: z.string(),
    kind: z.string(),
    tool: z.string().optional(),
    action: z.string(),
    choices: z.array(z.string()).optional(),
    expires_at: z.string(),
  })
  .describe('{request_id, agent, kind, tool, action, choices, expires_at}');

/** Maximum length of a request's text, and number of requests, in a result. */
const maxAction = 300;
const maxRequests = 5;
/** Maximum number of denials per agent. */
const maxDenials = 3;

/** A client must not allow what it sees only a part of without knowing that. */
function cutMark(length: number): string {
  return `… [cut: ${length.toLocaleString('en-US')} characters; 'maos requests --json' shows them to the user]`;
}

export function openRequestAnswers(
  requests: readonly InputRequest[],
  names: ReadonlyMap<string, string>,
): { requests?: z.infer<typeof openRequest>[] } {
  if (requests.length === 0) return {};
  return {
    requests: requests.slice(0, maxRequests).map((request) => {
      const { request_id, agent, kind, tool, action, choices, expires_at } = requestView(request, names);
      return {
        ...{ request_id, agent, kind },
        ...(tool === undefined ? {} : { tool: shorten(tool, 100) }),
        action: shorten(collapseSpaces(action), maxAction, cutMark(action.length)),
        ...(choices === undefined ? {} : { choices: choices.slice(0, 5).map((text) => shorten(text, 80)) }),
        expires_at,
      };
    }),
  };
}

/** The fields of a session in every answer about it. */
export function sessionAnswer(view: SessionView, maxObjective: number) {
  const { session_id, state, objective, created_at, started_at, ended_at, progress } = view;
  return {
    session_id,
    state,
    objective: shorten(objective, maxObjective),
    created_at,
    ...given({ started_at, ended_at }),
    progress: { ...progress },
  };
}

export function usageAnswer(usage: NonNullable<SessionView['usage']>): z.infer<typeof usageTotals> {
  return given({ ...usage });
}

/** @param note of its worktree and check; empty: none */
export function plannedAgentAnswer(
  view: AgentView,
  note: string,
  stored: boolean,
): z.infer<typeof plannedAgent> {
  const { agent_id, name, role, state, phase, depends_on } = view;
  const core = {
    ...{ name, role, state, phase, depends_on: shownOf(depends_on) },
    ...(note === '' ? {} : { note: shorten(note, 200) }),
  };
  return stored ? { agent_id, ...core } : core;
}

/** @param maxText maximum characters of the result and of the failure's message; longer ones end in `…` */
export function agentOutcomeAnswer(view: AgentView, maxText: number): z.infer<typeof agentOutcome> {
  const { agent_id, name, role, state, failure, result } = view;
  return {
    ...{ agent_id, name, role, state },
    ...workAnswer(view),
    ...(failure === undefined
      ? {}
      : { failure_kind: failure.kind, failure: shorten(failureText(failure), maxText) }),
    ...(result === null ? {} : { result: shorten(result, maxText) }),
    ...notPermitted(view),
  };
}

function workAnswer({ work, proof }: AgentView) {
  return {
    ...(work === undefined ? {} : given({ branch: work.branch, commit: work.commit })),
    ...(work === undefined || work.diff === null ? {} : { changes: diffText(work.diff) }),
    ...(work === undefined && proof === undefined ? {} : { proof: proof?.state ?? 'none' }),
  };
}

/** @param maxText as in {@link agentOutcomeAnswer} */
export function agentStatusAnswer(view: AgentView, maxText: number): z.infer<typeof agentStatus> {
  const { stage, backend, depends_on, attempt, started_at, ended_at, note, usage, budget } = view;
  // The agent's note contains the same.
  const { not_permitted: _, ...outcomeAnswer } = agentOutcomeAnswer(view, maxText);
  return {
    ...outcomeAnswer,
    ...(stage === undefined ? {} : { stage }),
    backend,
    depends_on: shownOf(depends_on),
    attempt,
    ...given({ started_at, ended_at }),
    ...(note === undefined ? {} : { note: shorten(note, Math.max(150, maxText / 2)) }),
    ...(usage === null ? {} : { tokens: tokensIn(usage), ...given({ cost_usd: usage.cost_usd }) }),
    ...(budget === undefined ? {} : { budget: budgetText(budget) }),
  };
}

/** Omits null fields. */
function given<T extends object>(fields: T): { [K in keyof T]?: NonNullable<T[K]> } {
  const there = Object.entries(fields).filter(([, value]) => value !== null);
  return Object.fromEntries(there) as { [K in keyof T]?: NonNullable<T[K]> };
}

function tokensIn(usage: NonNullable<AgentView['usage']>): number {
  const { input_tokens, output_tokens, cache_read_tokens, cache_write_tokens } = usage;
  return (input_tokens ?? 0) + (output_tokens ?? 0) + (cache_read_tokens ?? 0) + (cache_write_tokens ?? 0);
}

/** Such as 'tokens 12000 of 50000 (24 %), cost $0.25 of $1 (25 %)'. */
export function budgetText(budget: BudgetView): string {
  return budgetItems
    .flatMap((item) => {
      const share = budget[item];
      if (share === undefined) return [];
      return `${amounts(item, share.spent, share.cap)} (${Math.floor((share.spent / share.cap) * 100)} %)`;
    })
    .join(', ');
}

function amounts(item: BudgetItem, spent: number, cap: number): string {
  switch (item) {
    case 'tokens':
    case 'turns':
      return `${item} ${spent} of ${cap}`;
    case 'cost_usd':
      return `cost $${spent.toFixed(2)} of $${cap}`;
    case 'wall_ms':
      return `minutes ${(spent / 60_000).toFixed(1)} of ${cap / 60_000}`;
  }
}

/** Hundreds of dependencies of one agent would fill an answer; the list ends with the number of omitted ones. */
const maxDependencies = 12;

function shownOf(names: readonly string[]): string[] {
  const more = names.length - maxDependencies;
  return more > 0 ? [...names.slice(0, maxDependencies), `… ${more} more`] : [...names];
}

/** The message, and the last output on stderr, which often has the reason. */
function failureText({ message, stderr_tail }: NonNullable<AgentView['failure']>): string {
  return stderr_tail === '' ? message : `${message} stderr: ${stderr_tail}`;
}

function notPermitted({ permission_denials: denials }: AgentView): { not_permitted?: string[] } {
  if (denials === undefined) return {};
  const shown = denials.shown.slice(0, maxDenials).map((denial) => shorten(denial, 120));
  const more = denials.count - shown.length;
  return { not_permitted: more > 0 ? [...shown, `… ${more} more`] : shown };
}
