import { withMeasured } from '../active-time.ts';
import { type Agent, type AgentState, type FailureKind, lingeringText, moveAgent } from '../agent.ts';
import { type AgentLocation, readLocation } from '../agent-location.ts';
import { type AgentStage, stageText } from '../agent-stage.ts';
import { formatDuration, formatUsage, plural } from '../amounts.ts';
import type { BackendChoice } from '../backend-choice.ts';
import { milestoneText } from '../milestone.ts';
import type { Usage } from '../usage.ts';
import { readWaitSentence, type WaitCause, waitSentence, waitText } from '../waiting.ts';
import { event } from './event-type.ts';

/** Whatever a run comes to but another postponement ends the row of them. */
function move(
  agent: Agent,
  to: AgentState,
  at: string,
  outcome: Parameters<typeof moveAgent>[3] = {},
): Agent {
  const postponed = agent.state === 'running' ? 0 : agent.postponed;
  return moveAgent(agent, to, at, { postponed, ...outcome });
}

/** An end of an earlier version, or of an agent that did not run, does not say for how long it ran. */
function measured(agent: Agent, durationMs: number | undefined): Agent {
  return durationMs === undefined ? agent : withMeasured(agent, durationMs);
}

/** The event is believed: a checkpoint of an earlier version does not tell the stage before it. */
function inStage(agent: Agent, stage: AgentStage): Agent {
  return agent.state === 'running' ? { ...agent, stage } : agent;
}

function usageText(usage: Usage | null): string {
  const text = formatUsage(usage);
  return text === null ? '' : `, ${text}`;
}

function lastLine(result: string): string {
  const line = result.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line}`;
}

/** What happens to an agent. `name` is its name. */
export const agentEvents = {
  /** It is ready but something holds it back; said once for each cause. */
  'agent.waiting': event<{ name: string } & WaitCause>({
    text: (why) => `waiting: ${waitText(why)}`,
    upcast: (stored) =>
      'cause' in stored
        ? (stored as { name: string } & WaitCause)
        : { name: String(stored.name), ...readWaitSentence(String(stored.reason)) },
    published: (why) => ({ reason: waitSentence(why) }),
  }),

  /** It runs from here on, in stage `preparing`. */
  'agent.started': event<{ name: string; role: string; backend: string; attempt: number }>({
    text: ({ role, backend, attempt }) =>
      `started (${role}, ${backend})${attempt > 1 ? `, attempt ${attempt}` : ''}`,
    agent: (agent, _, at) => move(agent, 'running', at),
  }),

  /**
   * It cannot be acted on, or whether it still runs cannot be told; this is tried again, and what runs is left alone.
   * Said once per reason.
   */
  'agent.unreachable': event<{ name: string; reason: string }>({
    text: ({ reason }) => `unreachable: ${reason}`,
  }),

  /** `note`: what is not as usual about it, though all can be done. */
  'agent.reached': event<{ name: string; note?: string }>({
    text: ({ note }) => (note === undefined ? 'reachable again' : `followed again: ${note}`),
  }),

  /** A process exists: the agent is in stage `executing`. */
  'agent.spawned': event<{ name: string; attempt: number; where: AgentLocation }>({
    text: ({ where }) => `running as ${where.label}`,
    hiddenFrom: ['progress', 'lines'],
    agent: (agent) => inStage(agent, 'executing'),
    upcast: ({ name, attempt, where }) => ({
      name: String(name),
      attempt: Number(attempt),
      where: readLocation((where ?? {}) as Readonly<Record<string, unknown>>),
    }),
  }),

  /** Every change of stage that no other event tells; absent in sessions of earlier versions. */
  'agent.stage_changed': event<{ name: string; stage: AgentStage; previous: AgentStage }>({
    text: ({ stage }) => stageText(stage),
    // So far only of the moment in which its files are recorded.
    hiddenFrom: ['progress', 'lines'],
    agent: (agent, { stage }) => inStage(agent, stage),
  }),

  'agent.progressed': event<{ name: string; activity: string; usage: Usage | null }>({
    text: ({ activity }) => activity || 'working',
    hiddenFrom: ['lines'],
    agent: (agent, { usage }) => ({ ...agent, usage }),
  }),

  /** What it says of its work itself. `progress`: how much of its task is done, in percent; null where it does not say. */
  'agent.reported': event<{ name: string; text: string; progress: number | null }>({ text: milestoneText }),

  /** It has given a result, and processes of it remain; what is left at `until` is ended. */
  'agent.answered': event<{ name: string; background: readonly string[]; until: string | null }>({
    text: lingeringText,
    agent: (agent, { background, until }) => ({ ...agent, lingering: { background, until } }),
  }),

  /** What it had answered was not its last word. */
  'agent.went_on': event<{ name: string }>({
    text: () => 'continuing after its result',
    agent: (agent) => ({ ...agent, lingering: null }),
  }),

  /**
   * `durationMs`, of every end: how long the attempt ran, as it was measured; in earlier versions as the machine's clock
   * had it, and not of each. Absent of an agent that did not run.
   */
  'agent.completed': event<{ name: string; durationMs: number; result: string; usage: Usage | null }>({
    text: ({ durationMs, result, usage }) =>
      `completed in ${formatDuration(durationMs)}${usageText(usage)}${lastLine(result)}`,
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

  /** Its processes are suspended until the session is resumed. */
  'agent.suspended': event<{ name: string }>({ text: () => 'suspended' }),

  'agent.continued': event<{ name: string }>({ text: () => 'continued' }),

  /** Back to the start, to run again. */
  'agent.retried': event<{ name: string; attempts: number }>({
    text: ({ attempts }) => `queued for retry (${plural(attempts, 'attempt')} so far)`,
    agent: (agent, _, at) => move(agent, 'pending', at),
  }),

  /** Its provider refused it for a while; it goes on by itself then. */
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
   * Its provider refused it, or another agent, so its next attempt runs on another one of its backends: not before
   * `until`, where all of them refuse.
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

  'agent.interrupted': event<{ name: string; durationMs?: number; reason: string; usage: Usage | null }>({
    text: ({ reason }) => `interrupted: ${reason}`,
    agent: (agent, { durationMs, usage }, at) =>
      measured(move(agent, 'resumable', at, { usage }), durationMs),
  }),

  /**
   * All processes of the agent are gone; how it was made sure. `processes`: command lines of those that were ended, with
   * their pids; absent in events of earlier versions.
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
