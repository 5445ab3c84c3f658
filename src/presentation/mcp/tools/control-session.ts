import * as z from 'zod';
import { isSettled } from '../../../application/control/control.ts';
import {
  agentOfSession,
  type ControlResult,
  controlUntilReached,
} from '../../../application/control/follow-control.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { MaosError } from '../../../domain/errors.ts';
import { type SessionAction, sessionActions } from '../../../domain/session.ts';
import { inState } from '../../../domain/state-words.ts';
import { agentState, sessionState } from '../../contracts/session-answers.ts';
import { locateSession } from '../../project-access.ts';
import { tellProgress } from '../answers/follow-session.ts';
import { nextStep, summarize } from '../answers/sessions.ts';
import { defineTool } from '../server/tool.ts';

const input = z.strictObject({
  session_id: z.string(),
  action: z.enum(sessionActions),
  agent_id: z.string().optional().describe('Only this agent (or its name); for cancel and retry'),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  session_id: z.string(),
  state: sessionState,
  agent_state: agentState.optional(),
});

/** Time beyond the agents' grace period for signals, the last output and the records. */
const reserveMs = 5_000;

export const controlSession = defineTool({
  name: 'control-session',
  title: 'Control a team',
  description:
    'pause and resume a session; cancel it, or one agent, for good; retry failed agents and their dependents. Returns once it has taken effect.',
  input,
  output,
  // Cancelling loses what an agent has not written yet. Every retry runs its agents again.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  async run({ session_id, action, agent_id }, context) {
    const open = await locateSession(context, session_id);
    const { project, id } = open;
    const { store, settings } = project;
    if (agent_id !== undefined && action !== 'cancel' && action !== 'retry') throw onlyWhole(action);
    const agent = agent_id === undefined ? null : agentOfSession(store.load(id), agent_id);
    const request = { action, agentId: agent?.id ?? null, by: 'mcp', reason: reasons[action] };
    const result = await tellProgress(context, project, id, settings.stopGraceMs + reserveMs, (wait) =>
      controlUntilReached(open, request, wait.signal, wait.onEvents),
    );
    const summary = store.summary(id);
    const now = result.workflow.agents.find((member) => member.id === agent?.id);
    const about = now === undefined ? '' : `Agent ${now.name} ${inState(now.state)}. `;
    return {
      summary: `${saidOf(action, result)}${about}${summarize(summary)} Project: ${shorten(project.path, 300)}.`,
      next: nextStep(summary),
      session_id: id,
      state: summary.session.state,
      ...(now === undefined ? {} : { agent_state: now.state }),
    };
  },
});

const reasons: Readonly<Record<SessionAction, string>> = {
  pause: 'The client paused the session.',
  resume: 'The client resumed the session.',
  cancel: 'The client cancelled it.',
  retry: 'The client asked for a retry.',
};

function saidOf(action: SessionAction, { done, workflow }: ControlResult): string {
  if (!done) return `The ${action} is requested but has not taken effect yet. `;
  const endedFirst = action === 'pause' && workflow.session.state !== 'paused';
  return endedFirst && isSettled(workflow.session.state) ? 'It ended before it could be paused. ' : '';
}

function onlyWhole(action: SessionAction): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `control-session: ${action} applies to a whole session: remove agent_id, which only cancel and retry take.`,
    { details: { action } },
  );
}
