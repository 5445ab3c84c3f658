import * as z from 'zod';
import { orchestrate as startSession } from '../../../application/control/orchestrate.ts';
import { plural } from '../../../domain/amounts.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { isSessionCheck } from '../../../domain/session-check.ts';
import { plannedWorkText } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { planInput } from '../../contracts/plan-input.ts';
import { plannedAgent, plannedAgentAnswer } from '../../contracts/session-answers.ts';
import { agentView, namesOf } from '../../contracts/views.ts';
import { countFitting, fitNames, roomBeside } from '../answers/budget.ts';
import { nextStep, summarize, summaryOf } from '../answers/sessions.ts';
import { defineTool } from '../server/tool.ts';

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  stored: z.boolean(),
  session_id: z.string().optional(),
  phases: z.array(z.array(z.string())).optional(),
  agents: z.array(plannedAgent),
  agents_omitted: z.int().optional(),
});

type Answer = z.infer<typeof output>;

export const orchestrate = defineTool({
  name: 'orchestrate',
  title: 'Start a team of agents',
  description:
    'Starts agents as real processes and answers at once with their ids; then call wait-session. Costs tokens and money; agents can change files of the project. ' +
    'Agents run in parallel unless depends_on or the strategy orders them: sequential (one after the other) or pipeline (by stage). ' +
    'Make each task self-contained.',
  input: planInput,
  output,
  // Agents can do anything that their CLI can: edit and delete files, use the network.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: false, openWorldHint: true },
  // Otherwise Claude Code hides tools behind a search; every use of MAOS needs this one and wait-session.
  meta: { 'anthropic/alwaysLoad': true },
  async run(input, context) {
    const { project, supervisor, folder } = await context.openProject();
    const { workflow, stored, isRepeated, remarks } = await startSession(
      project,
      supervisor,
      { ...input, folder, callId: context.names.callId },
      'client',
    );
    const said = ['', ...remarks.map((remark) => `Note: ${shorten(remark, maxRemark)}`)].join(' ');
    if (!stored) return planAnswer(workflow, said);
    return isRepeated ? earlierAnswer(workflow, said) : startedAnswer(workflow, said);
  },
});

/** In characters; there are at most a few. */
const maxRemark = 400;

/** @param said what else people should know; empty, or text after a space */
function startedAnswer(workflow: Workflow, said: string): Answer {
  const { session, agents, phases } = workflow;
  const answer: Answer = {
    summary: `Session ${session.id} is starting: ${plural(agents.length, 'agent')} in ${plural(phases.length, 'phase')}.${said}`,
    next: `Call wait-session with session_id ${session.id}, again until settled is true.`,
    stored: true,
    session_id: session.id,
    agents: [],
  };
  return withAgents(answer, workflow, ' session-status shows the agents omitted here.');
}

/** The session may be in any state. */
function earlierAnswer(workflow: Workflow, said: string): Answer {
  const summary = summaryOf(workflow);
  const answer: Answer = {
    summary: `${summarize(summary)}${said}`,
    next: nextStep(summary),
    stored: true,
    session_id: workflow.session.id,
    agents: [],
  };
  return withAgents(answer, workflow, ' session-status shows the agents omitted here.');
}

function planAnswer(workflow: Workflow, said: string): Answer {
  const names = workflow.phases.map(({ index }) =>
    workflow.agents.filter(({ phase }) => phase === index).map(({ name }) => name),
  );
  const answer: Answer = {
    summary: `Plan of ${plural(workflow.agents.length, 'agent')} in ${plural(names.length, 'phase')}. Nothing was stored or started.${said}`,
    next: 'To start it, call orchestrate again without dry_run.',
    stored: false,
    agents: [],
  };
  // Phases may take half of the room, and a phase with very many names only a part of that.
  const room = roomBeside(answer) / 2;
  const fitted = names.map((phase) => [...fitNames(phase, Math.max(room / names.length, 120))]);
  const shown = countFitting(fitted, room);
  const phases =
    shown === names.length ? fitted : [...fitted.slice(0, shown), [`… ${names.length - shown} more phases`]];
  return withAgents({ ...answer, phases }, workflow, '');
}

function withAgents(answer: Answer, { session, agents }: Workflow, whereMore: string): Answer {
  const around = { session, names: namesOf(agents), liveStatus: null };
  const all = agents.map((agent) =>
    plannedAgentAnswer(
      agentView(agent, around),
      plannedWorkText(agent, isSessionCheck(session, agent)),
      answer.stored,
    ),
  );
  const shown = countFitting(all, roomBeside(answer) - 80);
  if (shown === all.length) return { ...answer, agents: all };
  const next = `${answer.next}${whereMore}`;
  return { ...answer, next, agents: all.slice(0, shown), agents_omitted: all.length - shown };
}
