import { controlUntilReached } from '../../../application/control/follow-control.ts';
import { startLanding } from '../../../application/landing/start-landing.ts';
import { inState } from '../../../domain/state-words.ts';
import { outcomeText } from '../../contracts/request-view.ts';
import type { OpenSession } from '../facts/projects.ts';
import { type Caller, storeAnswer } from '../run/answer-request.ts';
import { agentCounts, defaultReason } from '../run/control-session.ts';
import type { Effect } from './state.ts';

/** What changes a session. */
export type SessionEffect = Extract<Effect, { type: 'control' | 'land' | 'answer' }>;

/**
 * Carries out what the user has agreed to, as the commands of the same names do.
 * @returns what has been done, in a sentence
 * @throws MaosError when it is not possible
 */
export async function perform(
  effect: SessionEffect,
  session: OpenSession,
  caller: Caller,
  signal: AbortSignal,
): Promise<string> {
  switch (effect.type) {
    case 'control':
      return control(effect, session, signal);
    case 'land':
      return land(session);
    case 'answer':
      return outcomeText(await storeAnswer(caller, session.project, effect.request, effect.answer));
  }
}

async function control(
  { action, agentId }: Extract<SessionEffect, { type: 'control' }>,
  session: OpenSession,
  signal: AbortSignal,
): Promise<string> {
  const request = { action, agentId, by: 'terminal', reason: defaultReason(action) };
  const { workflow } = await controlUntilReached(session, request, signal);
  const agent = workflow.agents.find(({ id }) => id === agentId);
  if (agent !== undefined) return `${agent.name} ${inState(agent.state)}.`;
  return `${session.id} ${inState(workflow.session.state)}: ${agentCounts(workflow)}.`;
}

async function land({ project, supervisor, id }: OpenSession): Promise<string> {
  const request = { into: null, squash: false, merger: null };
  const { workflow, target, skipped } = await startLanding(project, supervisor, id, request);
  if (workflow !== null) return `Session ${workflow.session.id} lands the work onto ${target}.`;
  const [first] = skipped;
  const why = first === undefined ? '' : ` ${first.name}: ${first.reason}.`;
  return `${id} has nothing to land onto ${target}.${why}`;
}
