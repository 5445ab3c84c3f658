import type { RecordedEvent } from '../../../domain/events.ts';
import { type Notification, notificationKindOf, notificationOf } from '../../../domain/notification.ts';
import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import { knownDesktopSequence, noticeSequence, titleSequence } from '../render/terminal-notification.ts';

/** Events after which the title may be outdated. */
const endings: ReadonlySet<string> = new Set([
  'session.resumed',
  'request.answered',
  'request.expired',
  'request.withdrawn',
]);

/**
 * Notifies on the terminal of a command in the foreground, by bell, title and desktop notification, as configured.
 * @returns a function to call with a session's events
 */
export function foregroundNotifier(
  { terminal, json, env }: Pick<CommandContext, 'terminal' | 'json' | 'env'>,
  { project, id }: Pick<OpenSession, 'project' | 'id'>,
): (events: readonly RecordedEvent[]) => void {
  const { ways, terminal: when, desktop } = project.settings.notifications;
  const shows = terminal.live && !json;
  if (when === 'never' || (when === 'auto' && !shows)) return () => {};
  const write = (sequence: string): void => (shows ? terminal.write(sequence) : terminal.signal(sequence));
  let waits = false;
  const note = (event: RecordedEvent): void => {
    const message = messageOf(event);
    if (message !== null && message.kind !== 'test') {
      const sequence = desktop === 'auto' ? knownDesktopSequence(env) : desktop;
      write(noticeSequence({ ways: ways[message.kind], text: message.text, desktop: sequence, env }));
      waits = ways[message.kind].includes('title');
    } else if (waits && endings.has(event.type)) {
      waits = false;
      write(titleSequence('running', env));
    }
  };
  function messageOf(event: RecordedEvent): Notification | null {
    const { session, agents } = project.store.load(id);
    const agentName = agents.find((agent) => agent.id === event.agentId)?.name ?? null;
    return notificationOf(event, { objective: session.objective, project: project.path, agentName });
  }
  return (events) => {
    for (const event of events) if (isOfInterest(event.type)) note(event);
  };
}

function isOfInterest(type: string): boolean {
  return endings.has(type) || notificationKindOf(type) !== null;
}
