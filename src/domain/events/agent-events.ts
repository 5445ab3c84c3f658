import { withMeasured, withoutWait } from '../active-time.ts';
import { type Agent, type AgentState, type FailureKind, lingeringText, moveAgent } from '../agent.ts';
import { type AgentLocation, readLocation } from '../agent-location.ts';
import { type AgentStage, stageText } from '../agent-stage.ts';
import { formatDuration, formatUsage, plural } from '../amounts.ts';
import type { BackendChoice } from '../backend-choice.ts';
import type { Budget } from '../budget.ts';
import { milestoneText } from '../milestone.ts';
import type { Usage } from '../usage.ts';
import { readWaitSentence, type WaitCause, waitSentence, waitText } from '../waiting.ts';
import { event } from './event-type.ts';

/** Ends the series of consecutive postponements, as every outcome of a run does except another postponement. */
function move(
  agent: Agent,
  to: AgentState,
  at: string,
  outcome: Parameters<typeof moveAgent>[3] = {},
): Agent {
  const postponed = agent.state === 'running' ? 0 : agent.postponed;
  return moveAgent(agent, to, at, { postponed, ...outcome });
}

/** @param durationMs undefined in events of earlier versions, and for an agent that was not running */
function measured(agent: Agent, durationMs: number | undefined): Agent {
  return durationMs === undefined ? agent : withMeasured(agent, durationMs);
}

/**
 * Does not check that the stage may follow the one before it, because checkpoints of earlier versions do not contain
 * stages.
 */
function inStage(agent: Agent, stage: AgentStage): Agent {
  return agent.state === 'running' ? { ...agent, stage } : agent;
}

function usageText(usage: Usage | null): string {
  const text = formatUsage(usage);
  return text === null ? '' : `, ${text}`;
}

/** A program's output ends with what matters; the text of an agent's CLI begins with it. */
function gist(result: string, isProgram: boolean): string {
  const line =
    result
      .trim()
      .split('\n')
      .at(isProgram ? -1 : 0) ?? '';
  return line === '' ? '' : `: ${line}`;
}

/** Events of agents. `name` is the agent's name. */
export const agentEvents = {
  /** The agent is ready, but something keeps it from starting. Recorded once per cause. */
  'agent.waiting': event<{ name: string } & WaitCause>({
    text: (why) => `waiting: ${waitText(why)}`,
    upcast: (stored) =>
      'cause' in stored
        ? (stored as { name: string } & WaitCause)
        : { name: String(stored.name), ...readWaitSentence(String(stored.reason)) },
    published: (why) => ({ reason: waitSentence(why) }),
  }),

  /** From now on the agent is running, in stage `preparing`. */
  'agent.started': event<{ name: string; role: string; backend: string; attempt: number }>({
    text: ({ role, backend, attempt }) =>
      `started (${role}, ${backend})${attempt > 1 ? `, attempt ${attempt}` : ''}`,
    agent: (agent, _, at) => move(agent, 'running', at),
  }),

  /**
   * MAOS cannot control the agent, or cannot tell whether it is still running. It keeps trying, and leaves the agent's
   * processes alone. Recorded once per reason.
   */
  'agent.unreachable': event<{ name: string; reason: string }>({
    text: ({ reason }) => `unreachable: ${reason}`,
  }),

  /** `note`: a limitation that does not keep MAOS from controlling the agent. */
  'agent.reached': event<{ name: string; note?: string }>({
    text: ({ note }) => (note === undefined ? 'reachable again' : `followed again: ${note}`),
  }),

  /**
   * What a host has told of an attempt after it was given up as lost: kept, and never applied. `said`: for people.
   */
  'agent.reported_late': event<{ name: string; attempt: number; fact: 'spawned' | 'ended'; said: string }>({
    text: ({ attempt, said }) => `attempt ${attempt}, which was lost, ${said}; this changes nothing`,
  }),

  /** The agent has a process, and is in stage `executing`. */
  'agent.spawned': event<{ name: string; attempt: number; where: AgentLocation }>({
    text: ({ where }) => `running as ${where.label}`,
    hiddenFrom: ['progress', 'lines'],
    agent: (agent, _, at) => withoutWait(inStage(agent, 'executing'), at),
    upcast: ({ name, attempt, where }) => ({
      name: String(name),
      attempt: Number(attempt),
      where: readLocation((where ?? {}) as Readonly<Record<string, unknown>>),
    }),
  }),

  /** A change of stage that no other event implies; absent in sessions of earlier versions. */
  'agent.stage_changed': event<{ name: string; stage: AgentStage; previous: AgentStage }>({
    text: ({ stage }) => stageText(stage),
    // So far, only for recording the agent's files.
    hiddenFrom: ['progress', 'lines'],
    agent: (agent, { stage }) => inStage(agent, stage),
  }),

  'agent.progressed': event<{ name: string; activity: string; usage: Usage | null }>({
    text: ({ activity }) => activity || 'working',
    hiddenFrom: ['lines'],
    agent: (agent, { usage }) => ({ ...agent, usage }),
  }),

  /** The agent's own report. `progress`: percentage of its task that is done; null if it does not say. */
  'agent.reported': event<{ name: string; text: string; progress: number | null }>({ text: milestoneText }),

  /** The agent has given a result, but some of its processes still run. MAOS ends them at `until`. */
  'agent.answered': event<{ name: string; background: readonly string[]; until: string | null }>({
    text: lingeringText,
    agent: (agent, { background, until }) => ({ ...agent, lingering: { background, until } }),
  }),

  /** The result was not final: the agent has continued. */
  'agent.went_on': event<{ name: string }>({
    text: () => 'continuing after its result',
    agent: (agent) => ({ ...agent, lingering: null }),
  }),

  /**
   * `durationMs` of any end: measured running time of the attempt; absent for an agent that was not running. Earlier
   * versions computed it from the machine's clock, and omitted it from some events.
   */
  /** `isProgram`: whether a command printed the result. Earlier versions did not record it; a program reports no usage. */
  'agent.completed': event<{
    name: string;
    durationMs: number;
    result: string;
    usage: Usage | null;
    isProgram?: boolean;
  }>({
    text: ({ durationMs, result, usage, isProgram = usage === null }) =>
      `completed in ${formatDuration(durationMs)}${usageText(usage)}${gist(result, isProgram)}`,
    agent: (agent, { durationMs, result, usage }, at) =>
      measured(move(agent, 'completed', at, { result, usage }), durationMs),
    checkpoint: true,
  }),

  'agent.failed': event<{
    name: string;
    durationMs: number;
    kind: FailureKind;
    message: string;
    usage: Usage | null;
  }>({
    text: ({ durationMs, kind, message, usage }) =>
      `failed after ${formatDuration(durationMs)}${usageText(usage)}: ${kind}: ${message}`,
    agent: (agent, { durationMs, kind, message, usage }, at) =>
      measured(move(agent, 'failed', at, { failure: { kind, message, stderrTail: '' }, usage }), durationMs),
  }),

  'agent.cancelled': event<{
    name: string;
    durationMs?: number;
    reason: string;
    kind: FailureKind | null;
    usage: Usage | null;
  }>({
    text: ({ reason, kind }) => `cancelled${kind === null ? '' : ` (${kind})`}: ${reason}`,
    agent: (agent, { durationMs, kind, reason, usage }, at) => {
      const failure = kind === null ? null : { kind, message: reason, stderrTail: '' };
      return measured(move(agent, 'cancelled', at, { failure, usage }), durationMs);
    },
  }),

  /** The agent's processes are suspended until the session is resumed. */
  'agent.suspended': event<{ name: string }>({ text: () => 'suspended' }),

  'agent.continued': event<{ name: string }>({ text: () => 'continued' }),

  /** Back to state `pending`, to run again. */
  'agent.retried': event<{ name: string; attempts: number; budget?: Budget }>({
    text: ({ attempts }) => `queued for retry (${plural(attempts, 'attempt')} so far)`,
    agent: (agent, { budget }, at) => ({
      ...move(agent, 'pending', at),
      ...(budget === undefined ? {} : { budget }),
    }),
  }),

  /** The provider refused the agent temporarily; the agent continues by itself at `until`. */
  'agent.postponed': event<{
    name: string;
    durationMs?: number;
    until: string;
    reason: string;
    usage: Usage | null;
  }>({
    text: ({ until, reason }) => `retrying after ${until}: ${reason}`,
    agent: (agent, { durationMs, until, usage }, at) => {
      const postponed = agent.postponed + 1;
      return measured(moveAgent(agent, 'resumable', at, { notBefore: until, postponed, usage }), durationMs);
    },
  }),

  /**
   * A provider refused this agent, or another one, so the agent's next attempt uses another of its backends. If all of
   * them are refused, it does not start before `until`.
   */
  'agent.fell_back': event<{
    name: string;
    durationMs?: number;
    from: string;
    backend: string;
    model: string | null;
    backends: readonly BackendChoice[];
    until: string | null;
    reason: string;
    usage: Usage | null;
  }>({
    text: ({ from, backend, until, reason }) =>
      `falling back from ${from} to ${backend}${until === null ? '' : ` after ${until}`}: ${reason}`,
    agent: (agent, { durationMs, backend, model, backends, until, usage }, at) => {
      const place = { backend, model, backends, conversation: null };
      if (agent.state !== 'running') return { ...agent, ...place };
      const postponed = agent.postponed + (until === null ? 0 : 1);
      const moved = moveAgent(agent, 'resumable', at, { notBefore: until, postponed, usage });
      return { ...measured(moved, durationMs), ...place };
    },
  }),

  /** `rerun`: its host was lost, and it is run again for the n-th time. */
  'agent.interrupted': event<{
    name: string;
    durationMs?: number;
    reason: string;
    usage: Usage | null;
    rerun?: number;
  }>({
    text: ({ reason }) => `interrupted: ${reason}`,
    agent: (agent, { durationMs, usage, rerun = null }, at) =>
      measured(move(agent, 'resumable', at, { usage, reruns: rerun ?? agent.reruns }), durationMs),
  }),

  /**
   * All processes of the agent have ended, and the event tells how. `processes`: command lines and pids of those that
   * MAOS ended; absent in events of earlier versions.
   */
  'agent.stopped': event<{
    name: string;
    signals: readonly string[];
    survivors: number;
    tookMs: number;
    processes?: readonly string[];
  }>({
    text: ({ signals, survivors, tookMs, processes = [] }) =>
      `stopped in ${formatDuration(tookMs)}${signals.length > 0 ? ` (${signals.join(', ')})` : ''}, ${plural(survivors, 'process', 'processes')} left${processes.length > 0 ? `; ended: ${processes.join(', ')}` : ''}`,
    hiddenFrom: ['progress'],
  }),
};
