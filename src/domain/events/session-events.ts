import { inactiveFor } from '../active-time.ts';
import type { Agent } from '../agent.ts';
import { formatDuration, plural } from '../amounts.ts';
import type { Budget } from '../budget.ts';
import type { AgentId } from '../ids.ts';
import {
  type ExitPolicy,
  type FailurePolicy,
  moveSession,
  type PauseReason,
  type Session,
  type SessionAction,
  type SessionState,
  type StoredStrategy,
} from '../session.ts';
import { event, type Nothing } from './event-type.ts';

/** Parts of MAOS that support a session's work. When one of them fails, the work continues and MAOS retries the part. */
export type SessionPart = 'store' | 'session.log' | 'checkpoints' | 'slots';

const become =
  (state: SessionState) =>
  (session: Session, _: unknown, at: string): Session =>
    session.state === state ? session : moveSession(session, state, at);

const ofAgent = (agent: string | null): string => (agent === null ? '' : ` of ${agent}`);

/** Events of a session as a whole. */
export const sessionEvents = {
  'session.created': event<{
    objective: string;
    strategy: StoredStrategy;
    failurePolicy: FailurePolicy;
    onExit: ExitPolicy;
    /** Absent if rules and people decide on permissions. */
    approvals?: 'all';
    agents: { id: AgentId; name: string; role: string; phase: number; dependsOn: readonly string[] }[];
  }>({
    text: ({ agents, strategy, approvals }) =>
      `created: ${plural(agents.length, 'agent')}, ${strategy}${approvals === 'all' ? ', every permission allowed' : ''}`,
  }),

  'session.started': event<Nothing>({ text: () => 'started', session: become('running'), checkpoint: true }),

  'session.paused': event<{ reason: PauseReason; resumeAt: string | null }>({
    text: ({ reason, resumeAt }) => `paused (${reason})${resumeAt === null ? '' : ` until ${resumeAt}`}`,
    session: (session, { reason, resumeAt }, at) =>
      moveSession(session, 'paused', at, resumeAt === null ? { reason } : { reason, resumeAt }),
    checkpoint: true,
  }),

  'session.resumed': event<Nothing>({ text: () => 'resumed', session: become('running') }),

  'session.completed': event<{ agents: number }>({
    text: ({ agents }) => `completed: ${plural(agents, 'agent')}`,
    session: become('completed'),
    checkpoint: true,
  }),

  'session.failed': event<{ completed: number; failed: number; cancelled: number }>({
    text: ({ completed, failed, cancelled }) =>
      `failed: ${completed} completed, ${failed} failed, ${cancelled} cancelled`,
    session: become('failed'),
    checkpoint: true,
  }),

  'session.cancelled': event<{ reason: string }>({
    text: ({ reason }) => `cancelled: ${reason}`,
    session: become('cancelled'),
    checkpoint: true,
  }),

  /** Failed agents, and those that were cancelled because of them, will run again. `budget`: of the session from now on. */
  'session.retried': event<{ agents: readonly string[]; budget?: Budget }>({
    text: ({ agents, budget }) =>
      `retried: ${agents.join(', ')}${budget === undefined ? '' : ', with another budget'}`,
    session: (session, { budget }) => (budget === undefined ? session : { ...session, budget }),
  }),

  /** Another MAOS process owns the session from now on. `running`: names of the agents that it adopts. */
  'session.taken_over': event<{ owner: string; epoch: number; running: readonly string[] }>({
    text: ({ owner, running }) =>
      `adopted by ${owner}${running.length === 0 ? '' : `, with ${running.join(', ')} running`}`,
  }),

  /** The owner failed to run the session repeatedly; a user must resume or cancel it. */
  'session.stalled': event<{ reason: string }>({ text: ({ reason }) => `stalled: ${reason}` }),

  /**
   * The machine's clock changed by `byMs` more than the elapsed time: the machine slept, or the clock was set. Sessions
   * and agents did not run during that time.
   */
  'session.clock_changed': event<{ byMs: number }>({
    text: ({ byMs }) =>
      byMs > 0
        ? `the machine slept or its clock was set forwards: ${formatDuration(byMs)} do not count`
        : `the machine's clock was set back by ${formatDuration(-byMs)}`,
    session: (session, { byMs }) => inactiveFor(session, byMs),
    agent: (agent: Agent, { byMs }) => (agent.state === 'running' ? inactiveFor(agent, byMs) : agent),
  }),

  /** A supporting part fails and is being retried. Recorded once until it works again. */
  'session.degraded': event<{ part: SessionPart; reason: string }>({
    text: ({ part, reason }) => `${part} failing, retrying: ${reason}`,
  }),

  'session.restored': event<{ part: SessionPart }>({ text: ({ part }) => `${part} working again` }),

  /** It has completed, but its work cannot land by itself. `command` tries again. */
  'session.landing_failed': event<{ reason: string; command: string }>({
    text: ({ reason, command }) => `its work does not land: ${reason} Try again with: ${command}`,
  }),

  /** The session was restored into a new store from a checkpoint and `events` records of its log. */
  'session.recovered': event<{ checkpoint: string; events: number }>({
    text: ({ checkpoint, events }) => `recovered from ${checkpoint} and ${plural(events, 'logged event')}`,
  }),

  /** Someone has requested an action; the session's owner performs it. */
  'session.requested': event<{ action: SessionAction; agent: string | null; by: string; reason: string }>({
    text: ({ action, agent, by, reason }) => `${action}${ofAgent(agent)} requested by ${by}: ${reason}`,
    hiddenFrom: ['progress'],
  }),

  /** The requested action was no longer possible, and the request was dropped. */
  'session.request_refused': event<{ action: SessionAction; agent: string | null; reason: string }>({
    text: ({ action, agent, reason }) => `${action}${ofAgent(agent)} refused: ${reason}`,
  }),
};
