import * as z from 'zod';
import {
  type BudgetShare,
  budgetShares,
  isSuspended,
  type LiveStatus,
  postponedUntil,
} from '../../application/queries/live-status.ts';
import {
  type Agent,
  type AgentFailure,
  agentStates,
  lingeringText,
  type PermissionDenials,
} from '../../domain/agent.ts';
import { agentStages } from '../../domain/agent-stage.ts';
import { tokensOf } from '../../domain/budget.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { Progress } from '../../domain/orchestration.ts';
import { type Session, sessionStates } from '../../domain/session.ts';
import type { Usage } from '../../domain/usage.ts';
import { waitText } from '../../domain/waiting.ts';

/**
 * What servers answer about sessions and agents, as schemas: advertised to clients and held against every answer in
 * the tests. Short, because all of them go to a client at its start. What there is not is absent.
 */

export const sessionState = z.enum(sessionStates);
export const agentState = z.enum(agentStates);

/** Agents by state, and `total`. */
export const progressCounts = z.partialRecord(z.enum(['total', ...agentStates]), z.int());

const usageKeys = [
  'input_tokens',
  'output_tokens',
  'cache_read_tokens',
  'cache_write_tokens',
  'turns',
  'cost_usd',
] as const;

/** Without `cost_usd` where the backends name no price. */
export const usageTotals = z.partialRecord(z.enum(usageKeys), z.number());

const agentCore = {
  agent_id: z.string(),
  name: z.string(),
  role: z.string(),
  state: agentState,
};

const outcome = {
  failure_kind: z.string().optional(),
  failure: z.string().optional(),
  result: z.string().optional(),
};

/** An agent's place in the plan. A dry run has no ids: nothing was stored. */
export const plannedAgent = z.strictObject({
  ...agentCore,
  agent_id: z.string().optional(),
  phase: z.int(),
  depends_on: z.array(z.string()),
});

/** How an agent stands and what came of it. */
export const agentOutcome = z.strictObject({ ...agentCore, ...outcome });

export const agentStatus = z.strictObject({
  ...agentCore,
  /** While it runs. */
  stage: z.enum(agentStages).optional(),
  backend: z.string(),
  depends_on: z.array(z.string()),
  attempt: z.int(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  ...outcome,
  /** Suspended, done but not ended, put off by its provider, or why it waits; what it was not permitted to do. */
  note: z.string().optional(),
  tokens: z.int().optional(),
  cost_usd: z.number().optional(),
  budget: z.string().optional(),
});

/** A copy: the domain's counts are read-only. */
export function progressAnswer(progress: Progress): z.infer<typeof progressCounts> {
  return { ...progress };
}

export function usageAnswer(usage: Usage): z.infer<typeof usageTotals> {
  return {
    input_tokens: usage.inputTokens,
    output_tokens: usage.outputTokens,
    cache_read_tokens: usage.cacheReadTokens,
    cache_write_tokens: usage.cacheWriteTokens,
    turns: usage.turns,
    ...(usage.costUsd === null ? {} : { cost_usd: usage.costUsd }),
  };
}

/** Names of agents by id, for `depends_on`. */
export function namesOf(agents: readonly Agent[]): ReadonlyMap<string, string> {
  return new Map(agents.map((agent) => [agent.id, agent.name]));
}

export function plannedAgentAnswer(
  agent: Agent,
  names: ReadonlyMap<string, string>,
  stored: boolean,
): z.infer<typeof plannedAgent> {
  const { agent_id, ...core } = coreOf(agent);
  return {
    ...(stored ? { agent_id } : {}),
    ...core,
    phase: agent.phase,
    depends_on: dependenciesOf(agent, names),
  };
}

/** @param maxText most characters of the result and of the failure's message; longer ones end in `…` */
export function agentOutcomeAnswer(agent: Agent, maxText: number): z.infer<typeof agentOutcome> {
  return { ...coreOf(agent), ...outcomeOf(agent, maxText) };
}

/** @param maxText as in {@link agentOutcomeAnswer} */
export function agentStatusAnswer(
  agent: Agent,
  { session, names, standing }: AgentSurroundings,
  maxText: number,
): z.infer<typeof agentStatus> {
  const { usage } = agent;
  const cost = usage?.costUsd ?? null;
  const note = noteOf(agent, session, standing, maxText);
  const shares = budgetShares(agent.budget, usage, standing.agentRanMs(agent));
  return {
    ...coreOf(agent),
    ...(agent.stage === null ? {} : { stage: agent.stage }),
    backend: agent.backend,
    depends_on: dependenciesOf(agent, names),
    attempt: agent.attempt,
    ...(agent.startedAt === null ? {} : { started_at: agent.startedAt }),
    ...(agent.endedAt === null ? {} : { ended_at: agent.endedAt }),
    ...outcomeOf(agent, maxText),
    ...(note === null ? {} : { note }),
    ...(usage === null ? {} : { tokens: tokensOf(usage) }),
    ...(cost === null ? {} : { cost_usd: cost }),
    ...(shares.length === 0 ? {} : { budget: budgetText(shares) }),
  };
}

/** What an agent's answer needs besides the agent. */
export interface AgentSurroundings {
  readonly session: Session;
  readonly names: ReadonlyMap<string, string>;
  readonly standing: LiveStatus;
}

function noteOf(agent: Agent, session: Session, standing: LiveStatus, maxText: number): string | null {
  const notes = [standingNote(agent, session, standing), deniedNote(agent.denials)];
  const said = notes.filter((note) => note !== null);
  return said.length === 0 ? null : shorten(said.join('; '), Math.max(150, maxText / 2));
}

function standingNote(agent: Agent, session: Session, { waiting, now }: LiveStatus): string | null {
  if (isSuspended(session, agent)) return 'suspended';
  if (agent.lingering !== null) return shorten(lingeringText(agent.lingering), 150);
  const until = postponedUntil(agent, now);
  if (until !== null) return `put off by its provider until ${until}`;
  const reason = waiting.get(agent.id);
  return reason === undefined ? null : `waits: ${shorten(waitText(reason), 150)}`;
}

/** 'not permitted (3): Bash: git push, Write: /etc/hosts, WebFetch'. */
function deniedNote(denials: PermissionDenials | null): string | null {
  return denials === null ? null : `not permitted (${denials.count}): ${denials.shown.join(', ')}`;
}

/** 'tokens 12000 of 50000 (24 %), cost $0.25 of $1 (25 %)'. */
export function budgetText(shares: readonly BudgetShare[]): string {
  return shares
    .map((share) => `${amounts(share)} (${Math.floor((share.spent / share.cap) * 100)} %)`)
    .join(', ');
}

function amounts({ item, spent, cap }: BudgetShare): string {
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

function coreOf(agent: Agent): z.infer<z.ZodObject<typeof agentCore>> {
  return { agent_id: agent.id, name: agent.name, role: agent.role.name, state: agent.state };
}

/** Hundreds of dependencies of one agent would fill an answer: the list ends by saying how many more there are. */
const maxDependencies = 12;

function dependenciesOf(agent: Agent, names: ReadonlyMap<string, string>): string[] {
  const all = agent.dependsOn.map((id) => names.get(id) ?? id);
  const more = all.length - maxDependencies;
  return more > 0 ? [...all.slice(0, maxDependencies), `… ${more} more`] : all;
}

function outcomeOf(agent: Agent, maxText: number) {
  return {
    ...(agent.failure === null
      ? {}
      : { failure_kind: agent.failure.kind, failure: shorten(failureText(agent.failure), maxText) }),
    ...(agent.result === null ? {} : { result: shorten(agent.result, maxText) }),
  };
}

/** The message, and what stderr said last, which often is the reason. */
function failureText({ message, stderrTail }: AgentFailure): string {
  return stderrTail === '' ? message : `${message} stderr: ${stderrTail}`;
}
