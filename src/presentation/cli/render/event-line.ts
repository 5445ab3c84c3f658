import type { DomainEvent, EventData, EventType, RecordedEvent } from '../../../domain/events.ts';
import { formatDuration, formatTime, formatUsage, oneLine, plural } from './format.ts';

type Describe<T extends EventType> = (data: EventData[T]) => string;

/** What happened, in a few words; the agent's name stands in front of it. */
const descriptions: { readonly [T in EventType]: Describe<T> } = {
  'session.created': ({ agents, strategy }) => `created: ${plural(agents.length, 'agent')}, ${strategy}`,
  'session.started': () => 'started',
  'session.paused': ({ reason, resumeAt }) =>
    `paused (${reason})${resumeAt === null ? '' : ` until ${resumeAt}`}`,
  'session.resumed': () => 'resumed',
  'session.completed': ({ agents }) => `completed: ${plural(agents, 'agent')}`,
  'session.failed': ({ completed, failed, cancelled }) =>
    `failed: ${completed} completed, ${failed} failed, ${cancelled} cancelled`,
  'session.cancelled': ({ reason }) => `cancelled: ${reason}`,
  'session.cancel_requested': ({ by, reason }) => `cancel requested by ${by}: ${reason}`,
  'phase.started': ({ phase }) => `phase ${phase + 1} started`,
  'phase.completed': ({ phase }) => `phase ${phase + 1} completed`,
  'phase.failed': ({ phase }) => `phase ${phase + 1} failed`,
  'phase.skipped': ({ phase }) => `phase ${phase + 1} skipped`,
  'agent.waiting': ({ reason }) => `waits: ${waitReason(reason)}`,
  'agent.started': ({ role, backend, attempt }) =>
    `started (${role}, ${backend})${attempt > 1 ? `, attempt ${attempt}` : ''}`,
  'agent.spawned': ({ where }) => `runs as ${whereText(where)}`,
  'agent.progressed': ({ activity }) => activity,
  'agent.completed': ({ durationMs, result, usage }) =>
    ['completed in ', formatDuration(durationMs), usageText(usage), lastLine(result)].join(''),
  'agent.failed': ({ durationMs, kind, message, usage }) =>
    `failed after ${formatDuration(durationMs)}${usageText(usage)}: ${kind}: ${message}`,
  'agent.cancelled': ({ reason, kind }) => `cancelled${kind === null ? '' : ` (${kind})`}: ${reason}`,
  'agent.interrupted': ({ reason }) => `interrupted: ${reason}`,
  'agent.stopped': ({ signals, survivors, tookMs }) =>
    `stopped in ${formatDuration(tookMs)}${signals.length > 0 ? ` (${signals.join(', ')})` : ''}, ${plural(survivors, 'process', 'processes')} left`,
  'artifact.recorded': ({ path, candidates }) =>
    `left ${path}${candidates.length > 1 ? ` (one of ${candidates.join(', ')})` : ''}`,
};

/** Every type of event there is. */
export const eventTypes = Object.keys(descriptions) as readonly EventType[];

/** What happened, on one line without control characters. */
export function describeEvent(event: DomainEvent): string {
  const describe = descriptions[event.type] as (data: unknown) => string;
  return oneLine(describe(event.data));
}

/** Who it happened to: an agent's name, or nothing for the session itself. */
export function subjectOf(event: DomainEvent, names: ReadonlyMap<string, string>): string {
  if ('name' in event.data) return event.data.name;
  const id = event.type === 'artifact.recorded' ? event.data.by : event.agentId;
  return id === null ? '' : (names.get(id) ?? id);
}

/** `14:03:59 spec: started (documenter, claude)`. */
export function eventLine(event: RecordedEvent, names: ReadonlyMap<string, string>): string {
  const subject = subjectOf(event, names);
  return `${formatTime(event.at)} ${subject === '' ? 'session' : subject}: ${describeEvent(event)}`;
}

/** Why an agent that is ready is not started, for people. */
export function waitReason(reason: string): string {
  const [kind, ...more] = reason.split(' ');
  const known: Readonly<Record<string, string>> = {
    session_limit: 'the session runs as many agents as it may',
    role_limit: 'the role runs as many agents as it may',
    machine_limit: 'this machine runs as many agents as it may',
  };
  const text = known[kind as string];
  if (text === undefined) return reason;
  return more.length === 0 ? text : `${text} (${more.join(' ').replace(/^of /, '')})`;
}

function whereText(where: Readonly<Record<string, unknown>>): string {
  if (typeof where.pid === 'number') return `process ${where.pid}`;
  return JSON.stringify(where);
}

function usageText(usage: EventData['agent.completed']['usage']): string {
  const text = formatUsage(usage);
  return text === null ? '' : `, ${text}`;
}

function lastLine(result: string): string {
  const line = result.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line}`;
}
