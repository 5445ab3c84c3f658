import { lingeringText, stageText, waitReason } from '../../application/queries/live-status.ts';
import { shorten } from '../../domain/cut-text.ts';
import type { RecordedEvent } from '../../domain/events.ts';

/**
 * What an event says, on one line of at most 200 characters.
 * @returns null for the steps in between, which tell a reader of progress nothing
 */
export function progressLine(event: RecordedEvent): string | null {
  switch (event.type) {
    case 'session.requested':
    case 'checkpoint.written':
    case 'phase.started':
    case 'phase.completed':
    case 'phase.failed':
    case 'phase.skipped':
    case 'agent.spawned':
    case 'agent.stage_changed':
    case 'agent.stopped':
    case 'message.queued':
    case 'message.delivered':
    case 'message.acknowledged':
      return null;
    default:
      return eventLine(event);
  }
}

/** What any event says, on one line of at most 200 characters. */
export function eventLine(event: RecordedEvent): string {
  return shorten(describe(event).replaceAll(/\s+/g, ' ').trim(), 200);
}

function describe(event: RecordedEvent): string {
  switch (event.type) {
    case 'session.created':
      return `session created with ${count(event.data.agents.length, 'agent')}`;
    case 'session.started':
    case 'session.resumed':
    case 'session.completed':
      return event.type.replace('.', ' ');
    case 'session.paused':
      return `session paused (${event.data.reason}${event.data.resumeAt === null ? '' : ` until ${event.data.resumeAt}`})`;
    case 'session.failed':
      return `session failed: ${event.data.completed} completed, ${event.data.failed} failed, ${event.data.cancelled} cancelled`;
    case 'session.cancelled':
      return `session cancelled: ${event.data.reason}`;
    case 'session.requested':
      return `${event.data.by} asked to ${event.data.action}${event.data.agent === null ? '' : ` ${event.data.agent}`}: ${event.data.reason}`;
    case 'session.request_refused':
      return `${event.data.action}${event.data.agent === null ? '' : ` of ${event.data.agent}`} refused: ${event.data.reason}`;
    case 'session.taken_over':
      return 'session taken over by another maos';
    case 'session.stalled':
      return `session stalled: ${event.data.reason}`;
    case 'session.degraded':
      return `${event.data.part} cannot be kept up, tried again: ${event.data.reason}`;
    case 'session.restored':
      return `${event.data.part} kept up again`;
    case 'session.recovered':
      return `session recovered from ${event.data.checkpoint}`;
    case 'session.retried':
      return `session retried: ${event.data.agents.join(', ')}`;
    case 'agent.retried':
      return `${event.data.name} is to run again`;
    case 'agent.suspended':
    case 'agent.continued':
      return `${event.data.name} ${event.type.slice('agent.'.length)}`;
    case 'agent.postponed':
      return `${event.data.name} put off until ${event.data.until}: ${event.data.reason}`;
    case 'budget.warned':
      return `${event.data.name ?? 'session'} has nearly used up its budget: ${event.data.message}`;
    case 'checkpoint.written':
      return `checkpoint ${event.data.path} (${event.data.reason})`;
    case 'phase.started':
    case 'phase.completed':
    case 'phase.failed':
    case 'phase.skipped':
      return `phase ${event.data.phase} ${event.type.slice('phase.'.length)}`;
    case 'agent.waiting':
      return `${event.data.name} waits: ${waitReason(event.data.reason)}`;
    case 'agent.started':
      return `${event.data.name} started${event.data.attempt > 1 ? ` (attempt ${event.data.attempt})` : ''}`;
    case 'agent.unreachable':
      return `${event.data.name} cannot be reached: ${event.data.reason}`;
    case 'agent.reached':
      return `${event.data.name} is reached again`;
    case 'agent.spawned':
      return `${event.data.name} has its process`;
    case 'agent.stage_changed':
      return `${event.data.name} is ${stageText(event.data.stage)}`;
    case 'agent.progressed':
      return `${event.data.name}: ${event.data.activity || 'goes on'}`;
    case 'agent.answered':
      return `${event.data.name}: ${lingeringText(event.data)}`;
    case 'agent.went_on':
      return `${event.data.name} goes on after its result`;
    case 'agent.completed':
      return `${event.data.name} completed in ${seconds(event.data.durationMs)}: ${event.data.result}`;
    case 'agent.failed':
      return `${event.data.name} failed (${event.data.kind}) after ${seconds(event.data.durationMs)}: ${event.data.message}`;
    case 'agent.cancelled':
      return `${event.data.name} cancelled: ${event.data.reason}`;
    case 'agent.interrupted':
      return `${event.data.name} interrupted: ${event.data.reason}`;
    case 'agent.stopped':
      return `${event.data.name} stopped, ${event.data.survivors} processes left${endedText(event.data.processes)}`;
    case 'artifact.skipped':
      return `files not recorded: ${event.data.reason}`;
    case 'artifact.recorded':
      return `file ${event.data.path} (${event.data.sizeBytes} bytes)`;
    case 'message.queued':
    case 'message.delivered':
    case 'message.acknowledged':
      return `message ${event.data.id} ${event.type.slice('message.'.length)}`;
    case 'message.dead':
      return `message ${event.data.id} dead: ${event.data.reason}`;
  }
}

function endedText(processes: readonly string[] = []): string {
  return processes.length === 0 ? '' : `; ended: ${processes.join(', ')}`;
}

export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
