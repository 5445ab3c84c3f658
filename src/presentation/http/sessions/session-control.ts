import type * as z from 'zod';
import { agentOfSession, controlUntilReached } from '../../../application/control/follow-control.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { BudgetChange } from '../../../domain/budget.ts';
import { MaosError } from '../../../domain/errors.ts';
import { given } from '../../../domain/plan.ts';
import type { SessionAction } from '../../../domain/session.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import {
  type Announced,
  whatCancelDoes,
  whatPauseDoes,
  whatResumeDoes,
  whatRetryDoes,
} from '../../contracts/consequences.ts';
import type { LocatedSession } from '../../project-access.ts';
import type { controlSchema } from './session-schemas.ts';

type ControlBody = z.infer<typeof controlSchema>;

/** Time beyond the agents' grace period for signals, the last output and the records. */
const reserveMs = 5_000;

const reasons: Readonly<Record<SessionAction, string>> = {
  pause: 'Paused over HTTP.',
  resume: 'Resumed over HTTP.',
  cancel: 'Cancelled over HTTP.',
  retry: 'Retried over HTTP.',
};

/**
 * What a request would do, for people.
 * @throws MaosError INVALID_TRANSITION when it is not possible, INVALID_INPUT, AGENT_NOT_FOUND
 */
export function foreseen({ project, id }: LocatedSession, body: ControlBody) {
  const workflow = project.store.load(id);
  const agent = agentAsked(workflow, body);
  budgetAsked(body);
  const announced = announcedOf(workflow, agent, body.action);
  if (typeof announced === 'string') {
    throw new MaosError('INVALID_TRANSITION', announced, { details: { sessionId: id, action: body.action } });
  }
  return { session_id: id, dry_run: true, title: announced.title, will: announced.says };
}

function announcedOf(workflow: Workflow, agent: Agent | null, action: SessionAction): Announced {
  switch (action) {
    case 'pause':
      return whatPauseDoes(workflow);
    case 'resume':
      return whatResumeDoes(workflow);
    case 'cancel':
      return whatCancelDoes(workflow, agent);
    case 'retry':
      return whatRetryDoes(workflow, agent);
  }
}

/**
 * Carries out a request, and waits until it has taken effect or the server ends.
 * @returns false when it has not taken effect yet
 * @throws MaosError INVALID_TRANSITION, INVALID_INPUT, AGENT_NOT_FOUND
 */
export async function control(
  located: LocatedSession,
  body: ControlBody,
  ending: AbortSignal,
): Promise<boolean> {
  const { project, id } = located;
  const { action, reason = reasons[action] } = body;
  const agent = agentAsked(project.store.load(id), body);
  const request = { action, agentId: agent?.id ?? null, by: 'http', reason, budget: budgetAsked(body) };
  const timeout = AbortSignal.timeout(project.settings.stopGraceMs + reserveMs);
  const { done } = await controlUntilReached(located, request, AbortSignal.any([ending, timeout]));
  return done;
}

function agentAsked(workflow: Workflow, { action, agent }: ControlBody): Agent | null {
  if (agent === undefined) return null;
  if (action === 'cancel' || action === 'retry') return agentOfSession(workflow, agent);
  throw new MaosError(
    'INVALID_INPUT',
    `body: ${action} applies to a whole session: remove 'agent', which only cancel and retry take.`,
    { details: { action } },
  );
}

function budgetAsked({
  action,
  max_tokens,
  max_cost_usd,
  max_turns,
  max_minutes,
}: ControlBody): BudgetChange {
  const budget: BudgetChange = given({
    maxTokens: max_tokens,
    maxCostUsd: max_cost_usd,
    maxTurns: max_turns,
    maxWallMs: max_minutes === undefined ? undefined : Math.round(max_minutes * 60_000),
  });
  if (action === 'retry' || Object.keys(budget).length === 0) return budget;
  throw new MaosError(
    'INVALID_INPUT',
    `body: only a retry takes new limits; remove them from the ${action}.`,
  );
}
