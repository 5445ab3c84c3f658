import * as z from 'zod';
import { requestCancel } from '../../../application/control.ts';
import { sessionState } from '../../contracts/session-answers.ts';
import { followSession } from '../follow-session.ts';
import { locateSession, nextStep, summarize } from '../sessions.ts';
import { defineTool } from '../tool.ts';

const input = z.strictObject({
  session_id: z.string(),
  action: z.enum(['cancel']),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  session_id: z.string(),
  state: sessionState,
});

/** Beyond the agents' grace period: for signals, the last output and the records. */
const reserveMs = 5_000;

/** Steers a session. */
export const controlSession = defineTool({
  name: 'control-session',
  title: 'Cancel a team',
  description: 'cancel: stops every agent of the session, for good, and answers when they have stopped.',
  input,
  output,
  // What an agent has not written yet is lost. Cancelling a cancelled session changes nothing.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: false },
  async run({ session_id }, context) {
    const { project, supervisor, id } = await locateSession(context, session_id);
    await requestCancel(project, supervisor, id, 'mcp', 'The client cancelled the session.');
    const { summary } = await followSession(context, project, id, project.settings.stopGraceMs + reserveMs);
    const { state } = summary.session;
    const stopped = state === 'cancelled';
    return {
      summary: stopped
        ? summarize(summary)
        : `Cancelling was asked for, but not all has stopped yet. ${summarize(summary)}`,
      next: nextStep(summary),
      session_id: id,
      state,
    };
  },
});
