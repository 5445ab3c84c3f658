import { stripVTControlCharacters } from 'node:util';
import { plainText } from '../../../application/queries/agent-output.ts';
import { isSuspended } from '../../../application/queries/live-status.ts';
import type { Agent } from '../../../domain/agent.ts';
import type { InputRequest } from '../../../domain/input-request.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { eventLine, isHidden, oneLine } from '../../contracts/event-lines.ts';
import { askedText, outcomeText } from '../../contracts/request-view.ts';
import { namesOf } from '../../contracts/views.ts';
import { formatAge, formatTime, formatUntil } from '../render/format.ts';
import { renderMessageForPeople } from '../render/messages.ts';
import { textGraph } from '../render/plan-graph.ts';
import { landedTable } from '../render/report-landing.ts';
import { lookOf } from '../render/states.ts';
import { type Paint, plainPaint } from '../shell/terminal.ts';
import { paneArea } from './layout.ts';
import {
  type AgentView,
  chosenAgent,
  chosenRequest,
  chosenSession,
  type SessionView,
  type WatchState,
} from './state.ts';
import { wrap } from './styled-text.ts';
import { selectable } from './view-agents.ts';
import { checkLines } from './view-checks.ts';

/** What the pane shows: the chosen tab, as lines. */

/** The first line that is shown when the user has not scrolled: the end of what grows, the start of the rest. */
export function startOfPane({ tab }: WatchState, most: number): number {
  return tab === 'output' || tab === 'events' || tab === 'messages' ? most : 0;
}

/** All lines of the pane that match the filter. */
export function paneLines(state: WatchState, paint: Paint = plainPaint): string[] {
  const wanted = state.filters.pane.toLowerCase();
  const lines = allLines(state, paint);
  if (wanted === '') return lines;
  const found = lines.filter((line) => stripVTControlCharacters(line).toLowerCase().includes(wanted));
  return found.length > 0 ? found : [paint('dim', 'Nothing matches.')];
}

function allLines(state: WatchState, paint: Paint): string[] {
  const session = chosenSession(state);
  if (session === null) return [paint('dim', 'Reading …')];
  const { width } = paneArea(state);
  const agent = chosenAgent(state);
  const view = state.agent !== null && state.agent.id === agent?.id ? state.agent : null;
  switch (state.tab) {
    case 'output':
      return outputLines(agent, view, width, paint);
    case 'graph':
      return graphLines(session.workflow, agent, width, paint);
    case 'events':
      return eventLines(session, width);
    case 'messages':
      return messageLines(session, width, paint);
    case 'requests':
      return requestLines(state, session, width, paint);
    case 'checks':
      return [
        ...checkLines(session, agent, view?.checks ?? null, { paint, width }),
        ...landedTable(session.landed, { paint, width }),
      ];
    case 'diff':
      return diffLines(agent, view, width, paint);
  }
}

function outputLines(agent: Agent | null, view: AgentView | null, width: number, paint: Paint): string[] {
  if (agent === null || view === null || view.output === null) return [paint('dim', 'Reading …')];
  if (view.output.length === 0) {
    const why = agent.attempt === 0 ? 'has not started yet' : 'has printed nothing yet';
    return [paint('dim', `${agent.name} ${why}.`)];
  }
  return view.output.flatMap((line) => wrap(plainText(line).replaceAll('\t', '    '), width));
}

/** The graph of the plan, with the state of each agent. */
function graphLines(
  { session, agents }: Workflow,
  chosen: Agent | null,
  width: number,
  paint: Paint,
): string[] {
  const places = new Map(agents.map(({ id }, index) => [id, index]));
  const states = agents.map((agent) => (isSuspended(session, agent) ? 'suspended' : agent.state));
  const nodes = agents.map(({ name, phase, dependsOn }, index) => {
    const state = states[index] ?? 'pending';
    const label = `${name}  ${lookOf(state).symbol} ${state}`;
    const upstreams = dependsOn.flatMap((id) => places.get(id) ?? []);
    return { name: label, role: label, phase, dependsOn: upstreams };
  });
  // As the graph has them: phase by phase.
  const order = [...agents.keys()].toSorted((a, b) => (nodes[a]?.phase ?? 0) - (nodes[b]?.phase ?? 0));
  return textGraph(nodes, width).map((line, row) => {
    const index = order[row] ?? row;
    const agent = agents[index];
    const label = nodes[index]?.name ?? '';
    const { symbol, format } = lookOf(states[index] ?? 'pending');
    const name = agent?.id === chosen?.id ? paint('bold', agent?.name ?? '') : (agent?.name ?? '');
    return line.replace(label, () => `${name}  ${paint(format, `${symbol} ${states[index]}`)}`);
  });
}

function eventLines({ events, workflow }: SessionView, width: number): string[] {
  const names = namesOf(workflow.agents);
  return events
    .filter((event) => !isHidden(event, 'lines'))
    .flatMap((event) => wrap(`${formatTime(event.at)} ${eventLine(event, names)}`, width, '         '));
}

function messageLines({ messages, workflow }: SessionView, width: number, paint: Paint): string[] {
  if (messages.length === 0) return [paint('dim', 'There are no messages.')];
  return messages.toReversed().flatMap((message, index) => {
    const [head = '', ...text] = renderMessageForPeople(message, workflow.agents).split('\n');
    const lines = text.flatMap((line) => wrap(plainText(line), width, '| '));
    return [
      ...(index === 0 ? [] : ['']),
      ...wrap(`${head} (${message.state})`, width).map((line) => paint('bold', line)),
      ...lines,
    ];
  });
}

/** The requests that the pane lists. */
export function paneRequests(state: WatchState): readonly InputRequest[] {
  return chosenSession(state)?.requests ?? [];
}

function requestLines(state: WatchState, { workflow }: SessionView, width: number, paint: Paint): string[] {
  const requests = paneRequests(state);
  if (requests.length === 0) return [paint('dim', 'No agent has asked anything.')];
  const names = namesOf(workflow.agents);
  const chosen = chosenRequest(state);
  return requests.flatMap((request) => {
    const isChosen = request.id === chosen?.id;
    const isOpen = request.state === 'open';
    const age = formatAge(state.now - Date.parse(request.askedAt));
    const who = names.get(request.agentId) ?? request.agentId;
    const head = `${isOpen ? '?' : ' '} ${who}  ${request.kind}  ${isOpen ? `asked ${age}` : request.state}  ${askedText(request)}`;
    const line = selectable(isOpen ? paint('yellow', head) : paint('dim', head), isChosen, width, paint);
    return isChosen ? [line, ...requestDetails(request, state.now, width, paint)] : [line];
  });
}

function requestDetails(request: InputRequest, now: number, width: number, paint: Paint): string[] {
  const { id, reason, state, kind, expiresAt } = request;
  const how = kind === 'question' ? 'e: answer' : 'a: allow   d: deny';
  return [
    ...wrap(askedText(request), width - 4),
    ...(reason === null ? [] : wrap(`Reason: ${oneLine(reason)}`, width - 4)),
    ...(state === 'open'
      ? [`${id}, expires at ${formatUntil(expiresAt, now)}`, paint('bold', how)]
      : wrap(oneLine(outcomeText(request)), width - 4)),
  ].map((line) => `    ${line}`);
}

function diffLines(agent: Agent | null, view: AgentView | null, width: number, paint: Paint): string[] {
  if (agent === null || agent.work === null) {
    return [paint('dim', `${agent?.name ?? 'The agent'} does not work in a worktree, or has none yet.`)];
  }
  if (view === null || view.diff === null) return [paint('dim', 'Reading …')];
  if (view.diff === '') return [paint('dim', `${agent.name} has committed no changes yet.`)];
  return view.diff
    .replace(/\n$/, '')
    .split('\n')
    .map((line) => diffLine(plainText(line).replaceAll('\t', '    '), width, paint));
}

function diffLine(line: string, width: number, paint: Paint): string {
  // What is wider is cut when it is drawn.
  const shown = line.slice(0, width * 2);
  if (/^(diff |index |--- |\+\+\+ |new file|deleted file|rename )/.test(shown)) return paint('bold', shown);
  if (shown.startsWith('@@')) return paint('cyan', shown);
  if (shown.startsWith('+')) return paint('green', shown);
  return shown.startsWith('-') ? paint('red', shown) : shown;
}
