import * as z from 'zod';
import { isSettled } from '../../../application/control/control.ts';
import { landedBy } from '../../../application/landing/landing-report.ts';
import type { Project } from '../../../application/project.ts';
import { liveStatusOf } from '../../../application/queries/live-status.ts';
import { landingTroubles } from '../../../application/queries/troubles.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import type { Agent, AgentState } from '../../../domain/agent.ts';
import type { InputRequestId, SessionId } from '../../../domain/ids.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import type { Session } from '../../../domain/session.ts';
import {
  agentOutcome,
  agentOutcomeAnswer,
  openRequest,
  openRequestAnswers,
  progressCounts,
  sessionState,
} from '../../contracts/session-answers.ts';
import { type AgentSurroundings, agentView, namesOf } from '../../contracts/views.ts';
import { locateSession } from '../../project-access.ts';
import { askUser, takeAnswers } from '../answers/ask-client.ts';
import { costOf, countFitting, fitNames, roomBeside } from '../answers/budget.ts';
import { followSession } from '../answers/follow-session.ts';
import { nextStep, summarize } from '../answers/sessions.ts';
import { defineTool, readsOnly } from '../server/tool.ts';

const input = z.strictObject({
  session_id: z.string().describe("Id, unambiguous part of one, or 'latest'"),
  timeout_seconds: z.number().min(1).max(280).default(45),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  session_id: z.string(),
  state: sessionState,
  settled: z.boolean(),
  progress: progressCounts,
  requests: z.array(openRequest).optional(),
  agents: z.array(agentOutcome),
  agents_omitted: z.int().optional(),
  folder: z.string(),
  files: z.array(z.string()),
});

/** The order in which outcomes are listed when not all fit. */
const order: Readonly<Record<AgentState, number>> = {
  failed: 0,
  completed: 1,
  running: 2,
  resumable: 3,
  cancelled: 4,
  pending: 5,
};

const textLengths = [1_500, 800, 400, 200, 100];

export const waitSession = defineTool({
  name: 'wait-session',
  title: 'Wait for a team',
  description:
    'Waits until the session ends or pauses, an agent asks something (see respond), or the timeout passes, and reports states, results, failures and files (relative to folder). Call it again until settled is true.',
  input,
  output,
  annotations: readsOnly,
  meta: { 'anthropic/alwaysLoad': true },
  async run({ session_id, timeout_seconds }, context) {
    const { project, id } = await locateSession(context, session_id);
    await takeAnswers(context.input, project);
    const { summary } = await followSession(context, project, id, timeout_seconds * 1_000, until(project));
    const workflow = project.store.load(id);
    const { session, agents } = workflow;
    const { requests } = liveStatusOf(project.store, workflow, Date.parse(project.clock.now()));
    askUser(context.input, requests, namesOf(agents));
    tell(project, requests);
    const answer = {
      summary: summarize(summary),
      next: landingStep(project, session) ?? nextStep(summary, requests),
      session_id: id,
      state: summary.session.state,
      settled: isSettled(summary.session.state),
      progress: { ...summary.progress },
      ...openRequestAnswers(requests, namesOf(agents)),
      agents: [],
      folder: project.files.describe(id),
      files: [] as string[],
    };
    const paths = project.store.artifacts(id).map(({ path }) => path);
    const files = [...fitNames(paths, roomBeside(answer) / 4)];
    return {
      ...answer,
      files,
      ...fitOutcomes(
        { session, names: namesOf(agents), liveStatus: null },
        agents,
        roomBeside({ ...answer, files }),
      ),
    };
  },
});

/** What follows when the work of a session lands by itself; null for any other session. */
function landingStep({ store }: Project, session: Session): string | null {
  const { id, land, state } = session;
  if (land !== 'auto') return null;
  if (state === 'failed') {
    return 'Read each failure; agent-output shows more. Its work did not land by itself, because it failed. Retry the failed agents with control-session, action retry: it lands when it completes. Or land what is completed with land-session.';
  }
  if (state !== 'completed') return null;
  const [trouble] = landingTroubles(store, session);
  if (trouble !== undefined) return `Its work does not land: ${trouble.reason} (land-session).`;
  const landing = landedBy(store, id);
  return landing === null
    ? 'Its work is landed by MAOS: list-sessions shows the session that does it.'
    : `Session ${landing.id} lands its work: call wait-session with session_id ${landing.id}, then session-status for each branch.`;
}

/**
 * Open requests that a wait has already returned. Later waits do not return for them, because the client may have left
 * them to its user.
 */
const told = new WeakMap<Project, ReadonlySet<string>>();

function until(project: Project): (id: SessionId, signal: AbortSignal) => Promise<void> {
  const requests = new InputRequests(project);
  return (id, signal) =>
    requests.waitForOpen(id, signal, (request) => told.get(project)?.has(request.id) === true);
}

/** Remembers the open requests, and forgets the closed ones. */
function tell(project: Project, open: readonly InputRequest[]): void {
  const before = [...(told.get(project) ?? [])];
  const isOpen = (id: string): boolean =>
    project.store.inputRequests.find(id as InputRequestId)?.state === 'open';
  told.set(project, new Set([...before.filter(isOpen), ...open.map(({ id }) => id)]));
}

/**
 * Uses the longest texts with which every agent fits; with very many agents, lists the first ones and counts the rest.
 */
function fitOutcomes(around: AgentSurroundings, agents: readonly Agent[], room: number) {
  const outcomeOf = (agent: Agent, length: number) =>
    agentOutcomeAnswer(agentView(agent, around, { failure: length, result: length }), length);
  const sorted = agents.toSorted((a, b) => order[a.state] - order[b.state]);
  for (const length of textLengths) {
    const all = sorted.map((agent) => outcomeOf(agent, length));
    if (countFitting(all, room) === all.length) return { agents: all };
  }
  const all = sorted.map((agent) => outcomeOf(agent, textLengths.at(-1) as number));
  const shown = countFitting(all, room - costOf({ agents_omitted: all.length }));
  return { agents: all.slice(0, shown), agents_omitted: all.length - shown };
}
