import * as z from 'zod';
import { isSettled } from '../../../application/control/control.ts';
import type { Agent, AgentState } from '../../../domain/agent.ts';
import {
  agentOutcome,
  agentOutcomeAnswer,
  progressCounts,
  sessionState,
} from '../../contracts/session-answers.ts';
import { type AgentSurroundings, agentView, namesOf } from '../../contracts/views.ts';
import { costOf, countFitting, fitNames, roomBeside } from '../answers/budget.ts';
import { followSession } from '../answers/follow-session.ts';
import { locateSession, nextStep, summarize } from '../answers/sessions.ts';
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
    'Waits until the session ends or pauses, or the timeout passes, and reports states, results, failures and files (relative to folder). Call it again until settled is true.',
  input,
  output,
  annotations: readsOnly,
  meta: { 'anthropic/alwaysLoad': true },
  async run({ session_id, timeout_seconds }, context) {
    const { project, id } = await locateSession(context, session_id);
    const { summary } = await followSession(context, project, id, timeout_seconds * 1_000);
    const { session, agents } = project.store.load(id);
    const answer = {
      summary: summarize(summary),
      next: nextStep(summary),
      session_id: id,
      state: summary.session.state,
      settled: isSettled(summary.session.state),
      progress: { ...summary.progress },
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
