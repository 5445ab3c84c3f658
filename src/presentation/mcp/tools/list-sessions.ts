import * as z from 'zod';
import type { SessionSummary } from '../../../application/ports/session-summary.ts';
import { plural } from '../../../domain/amounts.ts';
import { isSessionId } from '../../../domain/ids.ts';
import { progressCounts, sessionAnswer, sessionState } from '../../contracts/session-answers.ts';
import { summaryView } from '../../contracts/views.ts';
import { countFitting, roomBeside } from '../answers/budget.ts';
import { notACursor } from '../answers/cursor.ts';
import { pauseReasonOf } from '../answers/sessions.ts';
import { defineTool, readsOnly } from '../server/tool.ts';

const input = z.strictObject({
  state: sessionState.optional(),
  limit: z.int().min(1).max(50).default(10).describe('At most; fewer when long'),
  cursor: z.string().optional(),
});

const entry = z.strictObject({
  session_id: z.string(),
  state: sessionState,
  reason: z.string().optional(),
  objective: z.string(),
  created_at: z.string(),
  ended_at: z.string().optional(),
  progress: progressCounts,
  cost_usd: z.number().optional(),
});

const output = z.strictObject({
  summary: z.string(),
  sessions: z.array(entry),
  next_cursor: z.string().optional(),
});

export const listSessions = defineTool({
  name: 'list-sessions',
  title: 'Sessions of this project',
  description: 'Newest first.',
  input,
  output,
  annotations: readsOnly,
  async run({ state, limit, cursor }, context) {
    if (cursor !== undefined && !isSessionId(cursor)) throw notACursor(cursor, 'list-sessions');
    const open = await context.findProject();
    const found = open?.project.store.list({
      limit: limit + 1,
      ...(state === undefined ? {} : { state }),
      ...(cursor === undefined ? {} : { before: cursor }),
    });
    if (found === undefined || found.length === 0) {
      const lost = await context.lostStore();
      if (lost !== null) throw lost;
    }
    const entries = (found ?? []).slice(0, limit).map(entryOf);
    const frame = { summary: 'x'.repeat(80), sessions: [], next_cursor: 'x'.repeat(31) };
    const sessions = entries.slice(0, Math.max(1, countFitting(entries, roomBeside(frame))));
    const last = sessions.at(-1);
    const more = last !== undefined && sessions.length < (found?.length ?? 0);
    return {
      summary: `${plural(sessions.length, 'session')}, newest first${more ? '; there are more' : ''}.`,
      sessions,
      ...(more ? { next_cursor: last.session_id } : {}),
    };
  },
});

function entryOf(summary: SessionSummary): z.infer<typeof entry> {
  const view = summaryView(summary, 0);
  const { started_at: _, ...answer } = sessionAnswer(view, 120);
  const cost = view.usage?.cost_usd ?? null;
  return {
    ...answer,
    ...(summary.session.pauseReason === null ? {} : { reason: pauseReasonOf(summary.session) }),
    ...(cost === null ? {} : { cost_usd: cost }),
  };
}
