import { type Agent, isAgentEnded } from '../../domain/agent.ts';
import type { BudgetChange } from '../../domain/budget.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import { isSessionEnded, type Session, type SessionAction } from '../../domain/session.ts';
import { inState } from '../../domain/state-words.ts';
import type { Workflow } from '../../domain/workflow.ts';
import { followEvents } from '../queries/event-feed.ts';
import type { SupervisedProject } from '../runtime.ts';
import { isSettled, requestCancel, requestPause, requestResume, requestRetry } from './control.ts';

/** A request to a session or to one of its agents. */
export interface ControlRequest {
  readonly action: SessionAction;
  /** Null for the whole session. */
  readonly agentId: AgentId | null;
  /** The requester in the event log: 'terminal', 'mcp'. */
  readonly by: string;
  readonly reason: string;
  /** For a retry: caps that replace those of the session, or of the agent. */
  readonly budget?: BudgetChange;
}

export interface ControlResult {
  /** The current state. */
  readonly workflow: Workflow;
  /** False when the wait was cancelled first. */
  readonly done: boolean;
  /** Whether the requested state was already reached before. */
  readonly already: boolean;
  /** `seq` of the last event before the request. */
  readonly after: number;
}

/**
 * Stores the request for the session's owner, and waits until it is carried out or the signal aborts.
 * @param onEvents receives every event since the request, in order
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when it is not possible in the current state
 */
export async function controlUntilReached(
  { project, supervisor, id }: SupervisedProject & { readonly id: SessionId },
  request: ControlRequest,
  signal: AbortSignal,
  onEvents: (events: readonly RecordedEvent[]) => void = () => {},
): Promise<ControlResult> {
  const { store } = project;
  const after = store.lastSeq(id);
  const { action, agentId, by, reason, budget } = request;
  switch (action) {
    case 'pause':
      await requestPause(project, supervisor, id, by, reason);
      break;
    case 'resume':
      await requestResume(project, supervisor, id, by, reason);
      break;
    case 'retry':
      await requestRetry(project, supervisor, id, agentId, by, reason, budget);
      break;
    case 'cancel':
      await requestCancel(project, supervisor, id, by, reason, agentId ?? undefined);
  }
  const already = store.lastSeq(id) === after;
  const retried = new Set<AgentId | null>();
  const isDone = (): boolean => isReached(request, store.load(id), retried);
  if (already && isDone()) return { workflow: store.load(id), done: true, already, after };
  const reached = new AbortController();
  for await (const events of followEvents(project, id, after, AbortSignal.any([signal, reached.signal]))) {
    onEvents(events);
    for (const event of events) {
      const refusal = refusalOf(event, request, id);
      if (refusal !== null) throw refusal;
      if (event.type === 'session.retried') retried.add(null);
      if (event.type === 'agent.retried') retried.add(event.agentId);
    }
    if ((events.at(-1)?.seq ?? 0) < store.lastSeq(id)) continue;
    if (isDone()) reached.abort();
    else if (action === 'retry') assertRetryable(store.summary(id).session);
  }
  return { workflow: store.load(id), done: isDone(), already: false, after };
}

/** The error for an event that says why the request is not carried out; null for other events. */
function refusalOf(
  event: RecordedEvent,
  { action, agentId }: ControlRequest,
  id: SessionId,
): MaosError | null {
  const isAboutIt = agentId === null || event.agentId === agentId;
  if (event.type === 'session.request_refused' && event.data.action === action && isAboutIt) {
    return notDone(`Session ${id} refused the ${action}. ${event.data.reason}`, { sessionId: id, action });
  }
  if (event.type !== 'session.stalled' || action === 'cancel' || action === 'pause') return null;
  const reason = event.data.reason;
  return notDone(`Session ${id} could not continue: ${reason} See 'maos status ${id}'.`, {
    sessionId: id,
    action,
  });
}

/** Fails if the session ended first, under an owner that had not seen the retry. */
function assertRetryable({ id, state }: Session): void {
  if (!isSessionEnded(state)) return;
  throw notDone(
    `Session ${id} ${inState(state)} first, so nothing was retried. See 'maos status ${id}', then retry it again.`,
    {
      sessionId: id,
      state,
    },
  );
}

function notDone(message: string, details: Readonly<Record<string, unknown>>): MaosError {
  return new MaosError('INVALID_TRANSITION', message, { details });
}

/** @param retried the agents that were reset, and null if the whole session was */
function isReached(
  { action, agentId }: ControlRequest,
  { session, agents }: Workflow,
  retried: ReadonlySet<AgentId | null>,
): boolean {
  switch (action) {
    case 'pause':
      return isSettled(session.state);
    case 'resume':
      return session.state !== 'paused';
    case 'retry':
      return retried.has(agentId);
    case 'cancel':
      if (agentId === null) return isSessionEnded(session.state);
      return agents.every(({ id, state }) => id !== agentId || isAgentEnded(state));
  }
}

/**
 * The agent of a session that a name or an unambiguous part of an id refers to.
 * @throws MaosError AGENT_NOT_FOUND naming the session's agents
 */
export function agentOfSession({ session, agents }: Workflow, reference: string): Agent {
  const named = agents.find(({ name, id }) => name === reference || id === reference);
  if (named !== undefined) return named;
  const found = agents.filter(
    ({ id }) => reference !== '' && (id.startsWith(reference) || id.endsWith(reference)),
  );
  if (found.length === 1 && found[0] !== undefined) return found[0];
  const names = agents.slice(0, 20).map(({ name }) => name);
  const more = agents.length - names.length;
  throw new MaosError(
    'AGENT_NOT_FOUND',
    found.length > 1
      ? `${quote(reference)} matches more than one agent of session ${session.id}: ${found.map(({ id }) => id).join(', ')}. Give more characters.`
      : `Session ${session.id} has no agent ${quote(reference)}. Its agents: ${names.join(', ')}${more > 0 ? ` and ${more} more` : ''}.`,
    { details: { sessionId: session.id, reference: startOf(reference, 200) } },
  );
}
