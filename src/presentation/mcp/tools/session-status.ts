import * as z from 'zod';
import { landingReport } from '../../../application/landing/landing-report.ts';
import { Mailbox } from '../../../application/messaging/mailbox.ts';
import type { SessionReader } from '../../../application/ports/session-reader.ts';
import type { Project } from '../../../application/project.ts';
import { type LiveStatus, liveStatusOf } from '../../../application/queries/live-status.ts';
import type { Agent } from '../../../domain/agent.ts';
import { shorten } from '../../../domain/cut-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { eventLine, oneLine } from '../../contracts/event-lines.ts';
import { partyName } from '../../contracts/message-view.ts';
import {
  agentStatus,
  agentStatusAnswer,
  budgetText,
  openRequest,
  openRequestAnswers,
  progressCounts,
  sessionAnswer,
  sessionState,
  usageAnswer,
  usageTotals,
} from '../../contracts/session-answers.ts';
import { type AgentSurroundings, agentView, namesOf, summaryView } from '../../contracts/views.ts';
import { locateSession } from '../../project-access.ts';
import { costOf, countFitting, roomBeside } from '../answers/budget.ts';
import { formatCursor, parseCursor } from '../answers/cursor.ts';
import { landedLines } from '../answers/landed-lines.ts';
import { nextStep, pauseReasonOf, summarize, summaryOf } from '../answers/sessions.ts';
import { defineTool, readsOnly } from '../server/tool.ts';

const input = z.strictObject({
  session_id: z.string(),
  include_agents: z.boolean().default(true),
  include_messages: z.boolean().default(false).describe('The last 20'),
  include_events: z.boolean().default(false).describe('The last 20'),
  cursor: z.string().optional(),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  session_id: z.string(),
  state: sessionState,
  reason: z.string().optional(),
  objective: z.string(),
  created_at: z.string(),
  started_at: z.string().optional(),
  ended_at: z.string().optional(),
  progress: progressCounts,
  usage: usageTotals.optional(),
  budget: z.string().optional(),
  troubles: z.array(z.string()).optional(),
  requests: z.array(openRequest).optional(),
  folder: z.string(),
  agents: z.array(agentStatus).optional(),
  landed: z.array(z.string()).optional(),
  next_cursor: z.string().optional(),
  messages: z.array(z.string()).optional(),
  events: z.array(z.string()).optional(),
});

const maxEvents = 20;
const maxMessages = 20;
const maxMessageText = 1_000;
const maxTroubles = 5;
const textLengths = [800, 400, 200, 100];

export const sessionStatus = defineTool({
  name: 'session-status',
  title: 'State of a team',
  description:
    'State, progress, agents, usage, cost and budgets of a session, at once. To wait for its end use wait-session.',
  input,
  output,
  annotations: readsOnly,
  async run({ session_id, include_agents, include_messages, include_events, cursor }, context) {
    const from = parseCursor(cursor, 'session-status');
    const { project, id } = await locateSession(context, session_id);
    const workflow = project.store.load(id);
    const liveStatus = liveStatusOf(project.store, workflow, Date.parse(project.clock.now()));
    const head = header(project, workflow, liveStatus);
    const landed = landedLines(landingReport(project.store, id), roomBeside(head) / 4);
    const base = landed.length === 0 ? head : { ...head, landed };
    const parts = [include_agents, include_messages, include_events].filter(Boolean).length;
    const share = roomBeside(base) / Math.max(1, parts);
    const answer = {
      ...base,
      ...(include_messages ? { messages: lastMessages(project, workflow, share) } : {}),
      ...(include_events ? { events: lastEvents(project, workflow, share) } : {}),
    };
    if (!include_agents) return answer;
    return { ...answer, ...pageOfAgents(workflow, liveStatus, from, roomBeside(answer)) };
  },
});

function header(
  { files }: Project,
  workflow: Workflow,
  { sessionRanMs, stalled, troubles, requests }: LiveStatus,
) {
  const summary = summaryOf(workflow);
  const view = summaryView(summary, sessionRanMs);
  return {
    summary: summarize(summary),
    next: nextStep(summary, requests),
    ...sessionAnswer(view, 200),
    ...(summary.session.pauseReason === null
      ? {}
      : {
          reason:
            pauseReasonOf(summary.session) +
            (stalled === null ? '' : `; it could not continue: ${shorten(stalled, 300)}`),
        }),
    ...(view.usage === null ? {} : { usage: usageAnswer(view.usage) }),
    ...(view.budget === undefined ? {} : { budget: budgetText(view.budget) }),
    ...(troubles.length === 0
      ? {}
      : {
          troubles: troubles
            .slice(0, maxTroubles)
            .map(({ what, reason, since }) => shorten(`${what}, since ${since}: ${reason}`, 200)),
        }),
    ...openRequestAnswers(requests, namesOf(workflow.agents)),
    folder: files.describe(workflow.session.id),
  };
}

/** The newest messages that fit, oldest first. */
function lastMessages(project: Project, { session: { id }, agents }: Workflow, bytes: number): string[] {
  const newestFirst = new Mailbox(project).list({ sessionId: id, limit: maxMessages }).map((message) => {
    const { type, state, subject, body, queuedAt, from, to, deadReason } = message;
    const end = deadReason === null ? state : `${state} (${deadReason})`;
    const text = oneLine(subject === '' ? body : `${subject}: ${body}`);
    return `${message.id} ${queuedAt} ${type} from ${partyName(from, agents)} to ${partyName(to, agents)}, ${end}: ${shorten(text, maxMessageText)}`;
  });
  return newestFirst.slice(0, countFitting(newestFirst, bytes - costOf({ messages: [] }))).reverse();
}

/** The newest events that fit, oldest first. */
function lastEvents(
  { store }: { readonly store: SessionReader },
  { session: { id }, agents }: Workflow,
  bytes: number,
): string[] {
  const names = namesOf(agents);
  const after = Math.max(0, store.lastSeq(id) - maxEvents);
  const newestFirst = store
    .events(id, after, maxEvents)
    .map((event) => `${event.seq} ${event.at} ${event.type}: ${shorten(eventLine(event, names), 100)}`)
    .reverse();
  return newestFirst.slice(0, countFitting(newestFirst, bytes - costOf({ events: [] }))).reverse();
}

function pageOfAgents({ session, agents }: Workflow, liveStatus: LiveStatus, from: number, room: number) {
  const around = { session, names: namesOf(agents), liveStatus };
  const rest = agents.slice(from);
  for (const length of textLengths) {
    const all = rest.map((agent) => statusOf(agent, around, length));
    if (countFitting(all, room - emptyList) === all.length) return { agents: all };
  }
  const all = rest.map((agent) => statusOf(agent, around, textLengths.at(-1) as number));
  const shown = Math.max(1, countFitting(all, room - emptyList - nextCursor));
  return { agents: all.slice(0, shown), next_cursor: formatCursor(from + shown) };
}

function statusOf(agent: Agent, around: AgentSurroundings, length: number) {
  return agentStatusAnswer(agentView(agent, around, { failure: length, result: length }), length);
}

const emptyList = costOf({ agents: [] });
const nextCursor = costOf({ next_cursor: formatCursor(1_000) });
