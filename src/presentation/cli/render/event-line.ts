import { lingeringText, stageText, waitReason } from '../../../application/queries/live-status.ts';
import { readLocation } from '../../../domain/agent-location.ts';
import type { DomainEvent, EventData, EventType, RecordedEvent } from '../../../domain/events.ts';
import { formatDuration, formatTime, formatUsage, oneLine, plural, showName } from './format.ts';

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
  'session.requested': ({ action, agent, by, reason }) =>
    `${action}${agent === null ? '' : ` of ${agent}`} requested by ${by}: ${reason}`,
  'session.request_refused': ({ action, agent, reason }) =>
    `${action}${agent === null ? '' : ` of ${agent}`} refused: ${reason}`,
  'session.taken_over': ({ owner, running }) =>
    `taken over by ${owner}${running.length === 0 ? '' : `, with ${running.join(', ')}`}`,
  'session.stalled': ({ reason }) => `stalled: ${reason}`,
  'session.degraded': ({ part, reason }) => `${part} cannot be kept up, tried again: ${reason}`,
  'session.restored': ({ part }) => `${part} kept up again`,
  'session.recovered': ({ checkpoint, events }) =>
    `recovered from ${checkpoint} and ${plural(events, 'logged event')}`,
  'session.retried': ({ agents }) => `retried: ${agents.join(', ')}`,
  'phase.started': ({ phase }) => `phase ${phase + 1} started`,
  'phase.completed': ({ phase }) => `phase ${phase + 1} completed`,
  'phase.failed': ({ phase }) => `phase ${phase + 1} failed`,
  'phase.skipped': ({ phase }) => `phase ${phase + 1} skipped`,
  'agent.waiting': ({ reason }) => `waits: ${waitReason(reason)}`,
  'agent.started': ({ role, backend, attempt }) =>
    `started (${role}, ${backend})${attempt > 1 ? `, attempt ${attempt}` : ''}`,
  'agent.unreachable': ({ reason }) => `cannot be reached: ${reason}`,
  'agent.reached': () => 'reached again',
  'agent.spawned': ({ where }) => `runs as ${readLocation(where).label}`,
  'agent.stage_changed': ({ stage }) => stageText(stage),
  'agent.progressed': ({ activity }) => activity,
  'agent.answered': ({ background, until }) => lingeringText({ background, until }),
  'agent.went_on': () => 'goes on after its result',
  'agent.completed': ({ durationMs, result, usage }) =>
    ['completed in ', formatDuration(durationMs), usageText(usage), lastLine(result)].join(''),
  'agent.failed': ({ durationMs, kind, message, usage }) =>
    `failed after ${formatDuration(durationMs)}${usageText(usage)}: ${kind}: ${message}`,
  'agent.cancelled': ({ reason, kind }) => `cancelled${kind === null ? '' : ` (${kind})`}: ${reason}`,
  'agent.interrupted': ({ reason }) => `interrupted: ${reason}`,
  'agent.postponed': ({ until, reason }) => `put off until ${until}: ${reason}`,
  'agent.suspended': () => 'suspended',
  'agent.continued': () => 'continued',
  'agent.retried': ({ attempts }) => `to run again after ${plural(attempts, 'attempt')}`,
  'budget.warned': ({ message }) => `budget nearly used up: ${message}`,
  'checkpoint.written': ({ path, reason }) => `checkpoint ${path} (${reason})`,
  'agent.stopped': ({ signals, survivors, tookMs, processes = [] }) =>
    `stopped in ${formatDuration(tookMs)}${signals.length > 0 ? ` (${signals.join(', ')})` : ''}, ${plural(survivors, 'process', 'processes')} left${processes.length > 0 ? `; ended: ${processes.join(', ')}` : ''}`,
  'artifact.skipped': ({ reason }) => `files not recorded: ${reason}`,
  'artifact.recorded': ({ path, candidates }) =>
    `left ${showName(path)}${candidates.length > 1 ? ` (one of ${candidates.join(', ')})` : ''}`,
  'message.queued': ({ id, type, attempt, reason }) =>
    `${type} ${id} queued${attempt === 0 ? '' : ' again'}${reason === null ? '' : `: ${reason}`}`,
  'message.delivered': ({ id, attempt }) =>
    `message ${id} delivered${attempt > 1 ? `, attempt ${attempt}` : ''}`,
  'message.acknowledged': ({ id }) => `message ${id} acknowledged`,
  'message.dead': ({ id, reason }) => `message ${id} dead: ${reason}`,
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
  if ('name' in event.data) return event.data.name ?? '';
  const id = event.type === 'artifact.recorded' ? event.data.by : event.agentId;
  return id === null ? '' : (names.get(id) ?? id);
}

/** `14:03:59 spec: started (documenter, claude)`. */
export function eventLine(event: RecordedEvent, names: ReadonlyMap<string, string>): string {
  const subject = subjectOf(event, names);
  return `${formatTime(event.at)} ${subject === '' ? 'session' : subject}: ${describeEvent(event)}`;
}

function usageText(usage: EventData['agent.completed']['usage']): string {
  const text = formatUsage(usage);
  return text === null ? '' : `, ${text}`;
}

function lastLine(result: string): string {
  const line = result.trim().split('\n').at(-1) ?? '';
  return line === '' ? '' : `: ${line}`;
}
