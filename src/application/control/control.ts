import { isAgentEnded } from '../../domain/agent.ts';
import { findingText } from '../../domain/amounts.ts';
import { type BudgetChange, type BudgetItem, checkBudget } from '../../domain/budget.ts';
import { isMaosError, MaosError } from '../../domain/errors.ts';
import { type RecordedEvent, sessionEvent } from '../../domain/events.ts';
import type { AgentId, SessionId } from '../../domain/ids.ts';
import { decideRetries, retryWorkflow } from '../../domain/retry.ts';
import { isSessionEnded, type SessionState } from '../../domain/session.ts';
import { alreadyInState, inState } from '../../domain/state-words.ts';
import { totalUsage } from '../../domain/usage.ts';
import { agentOf, type Workflow } from '../../domain/workflow.ts';
import type { SessionRequest } from '../ports/ownership.ts';
import type { SessionSummary } from '../ports/session-summary.ts';
import type { Project } from '../project.ts';
import { followEvents } from '../queries/event-feed.ts';
import { SessionHistory } from '../session/session-history.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';

type Needs = Pick<Project, 'instance' | 'store' | 'instances' | 'settings' | 'watcher' | 'clock'>;

/**
 * Requests to a session from any process: the request is stored, and the session's owner, which watches the store,
 * carries it out. If the session has no living owner, this process becomes its owner.
 */

/** How long to wait for an owner that is about to release a session, and the polling interval. */
const patienceMs = 3_000;
const lookMs = 20;
/** Older than any heartbeat, so that a living owner never counts as stale. */
const never = '1970-01-01T00:00:00.000Z';

/**
 * Requests that the session, or one of its agents, is cancelled. No error if it already is.
 * @param by the requester in the event log: 'terminal', 'mcp'
 * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when it has ended otherwise
 */
export async function requestCancel(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  by: string,
  reason: string,
  agentId: AgentId | null = null,
): Promise<void> {
  const { store } = project;
  const workflow = store.load(id);
  const { state } = workflow.session;
  if (agentId !== null) {
    const agent = agentOf(workflow, agentId);
    if (agent.state === 'cancelled') return;
    if (isAgentEnded(agent.state)) {
      throw new MaosError(
        'INVALID_TRANSITION',
        `Agent ${agentId} cannot be cancelled: it ${alreadyInState(agent.state)}.`,
        { details: { sessionId: id, agentId, from: agent.state, to: 'cancelled' } },
      );
    }
  } else {
    if (state === 'cancelled') return;
    if (isSessionEnded(state)) throw notPossible(id, 'cancelled', state, 'cancelled');
  }
  await request(project, { sessionId: id, agentId, desired: 'cancelled', reason }, by);
  await ensureOwnerNotified(project, supervisor, id);
}

/**
 * Requests a pause: agents that can resume their conversation are interrupted, the others suspended. No error if the
 * session is already paused.
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when it has ended
 */
export async function requestPause(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  by: string,
  reason: string,
): Promise<void> {
  const { state } = project.store.summary(id).session;
  if (isSessionEnded(state)) throw notPossible(id, 'paused', state, 'paused');
  if (state === 'paused') return;
  await request(project, { sessionId: id, agentId: null, desired: 'paused', reason }, by);
  await ensureOwnerNotified(project, supervisor, id, 'paused');
}

/**
 * Requests that a paused session resumes; in a running session, withdraws a pending pause.
 * @throws MaosError SESSION_NOT_FOUND, INVALID_TRANSITION when it has ended, or runs without a pending pause
 */
export async function requestResume(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  by: string,
  reason: string,
): Promise<void> {
  const { state } = project.store.summary(id).session;
  if (isSessionEnded(state)) {
    const hint = state === 'failed' ? ' Retry it to run the failed agents again.' : '';
    throw notPossible(id, 'resumed', state, 'running', hint);
  }
  const isNew = await request(project, { sessionId: id, agentId: null, desired: 'running', reason }, by);
  if (!isNew && state !== 'paused') {
    const hint = ` Follow it with 'maos attach ${id}' (wait-session).`;
    throw notPossible(id, 'resumed', state, 'running', hint);
  }
  await ensureOwnerNotified(project, supervisor, id);
}

/**
 * Requests that failed agents run again, together with all that were cancelled because of them, but never completed
 * ones. This process adopts a failed session; otherwise its owner carries out the request.
 * @param agentId only this agent and its dependents; null: all
 * @param change caps that replace those of the session, or of the agent; only for a session that has ended
 * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION when there is nothing to retry,
 *   RESOURCE_LIMIT_EXCEEDED when the session's budget is used up
 */
export async function requestRetry(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  agentId: AgentId | null,
  by: string,
  reason: string,
  change: BudgetChange = {},
): Promise<void> {
  const { store } = project;
  const workflow = store.load(id);
  const { state } = workflow.session;
  if (state === 'completed' || state === 'cancelled') {
    throw notPossible(id, 'retried', state, 'running', ' Only failed sessions can be retried.');
  }
  const agents = decideRetries(workflow, agentId);
  assertBudgetLeft(project, workflow, agentId === null ? change : {});
  if (state === 'failed') return retryFailed(project, supervisor, id, { agentId, by, reason, change });
  if (Object.keys(change).length > 0) {
    throw notPossible(id, 'given another budget', state, 'running', ' Change its budget once it has ended.');
  }
  const asked = agentId === null ? agents.map((agent) => agent.id) : [agentId];
  try {
    const requests = asked.map(
      (one) => ({ sessionId: id, agentId: one, desired: 'pending', reason }) as const,
    );
    await request(project, requests, by);
  } catch (error) {
    // The session has just ended, so its owner no longer reads requests.
    const hasEnded =
      isMaosError(error, 'INVALID_TRANSITION') && isSessionEnded(store.summary(id).session.state);
    if (!hasEnded) throw error;
    return requestRetry(project, supervisor, id, agentId, by, reason, change);
  }
  await ensureOwnerNotified(project, supervisor, id);
}

/** Options of the command line. */
const capOption: Readonly<Record<BudgetItem, string>> = {
  tokens: '--max-tokens',
  cost_usd: '--max-cost',
  turns: '--max-turns',
  wall_ms: '--max-minutes',
};

/** With the budget used up, MAOS would cancel the retried agents immediately. */
function assertBudgetLeft(
  { store, clock }: Needs,
  { session, agents }: Workflow,
  change: BudgetChange,
): void {
  const history = new SessionHistory();
  const budget = { ...session.budget, ...change };
  if (budget.maxWallMs !== null) history.read(store, session.id);
  const usage = totalUsage(agents.map((agent) => agent.usage));
  const findings = checkBudget(budget, usage, history.ranMs(clock.now()));
  const spent = findings.find(({ level }) => level === 'exceeded');
  if (spent === undefined) return;
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `Session ${session.id} cannot be retried: its budget is used up: ${findingText(spent)}. Give it a larger one, as with 'maos retry ${session.id} ${capOption[spent.item]} N'.`,
    { details: { sessionId: session.id, ...spent } },
  );
}

/** @returns whether it changed the stored requests */
function request(
  project: Needs,
  what: SessionRequest | readonly SessionRequest[],
  by: string,
): Promise<boolean> {
  const { store, clock } = project;
  return whenFree(project, () => store.request(what, by, clock.now()));
}

interface Retry {
  readonly agentId: AgentId | null;
  readonly by: string;
  readonly reason: string;
  readonly change: BudgetChange;
}

async function retryFailed(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  { agentId, by, reason, change: budget }: Retry,
): Promise<void> {
  const { store, clock, instances, instance, watcher } = project;
  await instances.announce();
  for (let waited = 0; ; waited += lookMs) {
    const at = clock.now();
    const owner = store.ownerOf(id);
    const isFree = owner === null || (owner !== instance && !(await instances.isAlive(owner)));
    const isDue = isFree || waited > supervisor.timing.heartbeatMs;
    const when = {
      staleBefore: isFree ? never : new Date(Date.parse(at) - supervisor.timing.leaseTtlMs).toISOString(),
      ...(isFree && owner !== null ? { knownDead: owner } : {}),
    };
    const lease = isDue ? await whenFree(project, () => store.acquire(id, instance, when)) : null;
    if (lease !== null) {
      try {
        const workflow = store.load(id);
        // Another process retried first, and its owner has died since: the session continues as it is.
        const change =
          workflow.session.state === 'failed'
            ? retryWorkflow(workflow, agentId, at, budget)
            : unchanged(workflow);
        const action = { action: 'retry', agent: nameOf(workflow, agentId), by, reason } as const;
        const asked = sessionEvent('session.requested', id, at, action);
        const events = [asked, ...change.events];
        await whenFree(project, () => store.commit(lease, workflow, { ...change, events }));
        supervisor.take(lease, change.next);
      } catch (error) {
        await whenFree(project, () => store.release(lease));
        throw error;
      }
      watcher.notify();
      return;
    }
    // Either another process adopted it for its retry, or the owner that ended it is still finishing its files.
    if (store.summary(id).session.state !== 'failed') return;
    if (waited >= patienceMs) throw stillOwned(id);
    await pause(project);
  }
}

function unchanged(workflow: Workflow) {
  return { next: workflow, events: [] };
}

function nameOf(workflow: Workflow, agentId: AgentId | null): string | null {
  return agentId === null ? null : agentOf(workflow, agentId).name;
}

/**
 * Makes sure that an owner sees the request. The owner of a paused session may be about to release it and no longer
 * read requests, so this polls until the request takes effect.
 * @param wanted the requested state; once it is reached, nothing remains to be done
 */
async function ensureOwnerNotified(
  project: Needs,
  supervisor: Supervisor,
  id: SessionId,
  wanted: SessionState | null = null,
): Promise<void> {
  const { store, watcher, instances, instance } = project;
  watcher.notify();
  for (let waited = 0; waited <= patienceMs; waited += lookMs) {
    const owner = store.ownerOf(id);
    const { state } = store.summary(id).session;
    if (isSessionEnded(state) || state === wanted) return;
    const isOwned = owner !== null && (owner === instance || (await instances.isAlive(owner)));
    if (!isOwned) await supervisor.takeOver(id, owner);
    else if (state !== 'paused') return;
    // A living owner has sent a heartbeat by now, even after the machine slept, and keeps the session.
    else if (waited > supervisor.timing.heartbeatMs) await supervisor.takeOver(id);
    await pause(project);
  }
}

function pause({ clock }: Needs): Promise<void> {
  return new Promise((resolve) => clock.after(lookMs, resolve));
}

function notPossible(
  id: SessionId,
  what: string,
  from: SessionState,
  to: SessionState,
  hint = '',
): MaosError {
  return new MaosError('INVALID_TRANSITION', `Session ${id} cannot be ${what}: it ${inState(from)}.${hint}`, {
    details: { sessionId: id, from, to },
  });
}

function stillOwned(id: SessionId): MaosError {
  return new MaosError(
    'STORE_BUSY',
    `Session ${id} is still owned by the maos process that ran it. Try again in a moment.`,
    { details: { sessionId: id } },
  );
}

export interface Waited {
  readonly summary: SessionSummary;
  /** False when the signal aborted first. */
  readonly settled: boolean;
}

/** Whether the session has ended, or waits for a request. */
export function isSettled(state: SessionState): boolean {
  return isSessionEnded(state) || state === 'paused';
}

/**
 * Waits until the session ends or pauses, or the signal aborts.
 * @param options `onEvents` receives every event after `after` (default: from now on), in order; the next batch only
 *   after it has settled
 * @throws MaosError SESSION_NOT_FOUND
 */
export async function waitForSession(
  project: Needs,
  id: SessionId,
  options: {
    readonly signal: AbortSignal;
    readonly after?: number;
    readonly onEvents?: (events: readonly RecordedEvent[]) => unknown;
  },
): Promise<Waited> {
  const { store } = project;
  const ended = new AbortController();
  const signal = AbortSignal.any([options.signal, ended.signal]);
  const check = (): boolean => isSettled(store.summary(id).session.state);
  const after = options.after ?? store.lastSeq(id);
  let mayBeSettled = check();
  if (mayBeSettled && store.lastSeq(id) <= after) return { summary: store.summary(id), settled: true };
  for await (const events of followEvents(project, id, after, signal)) {
    await options.onEvents?.(events);
    // Only after events of the session itself, because a summary counts all agents.
    mayBeSettled ||= events.some(({ type }) => type.startsWith('session.'));
    mayBeSettled &&= check();
    if (mayBeSettled && (events.at(-1)?.seq ?? 0) >= store.lastSeq(id)) ended.abort();
  }
  return { summary: store.summary(id), settled: check() };
}
