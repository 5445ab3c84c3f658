import { waitForSession } from '../../../application/control/control.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import { eventTypes } from '../../../domain/events.ts';
import { describeEvent, subjectOf } from '../../contracts/event-lines.ts';
import { eventView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { formatTime } from '../render/format.ts';
import { padEnd } from '../render/text-width.ts';
import { besideHead } from '../render/wrap-text.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { watchOwner } from '../shell/owner-notice.ts';
import { allOption, sessionArgument } from './session-argument.ts';

const pageSize = 500;
/** In columns. */
const widthWithTypes = 100;

export const eventsCommand: CliCommand = {
  name: 'events',
  summary: 'Show the events of a session, in order',
  details: 'With --json, stdout is JSON lines: the records of session.log.',
  arguments: [sessionArgument],
  options: [
    { flags: '-f, --follow', description: 'follow until the session ends or pauses', kind: 'flag' },
    {
      flags: '--after <seq>',
      description: 'only events after this number',
      kind: 'integer',
      range: [0, Number.MAX_SAFE_INTEGER],
    },
    {
      flags: '--type <type>',
      description: "only this type ('agent.failed') or group ('agent'); repeatable",
      kind: 'list',
    },
    allOption,
  ],
  examples: [
    { line: 'maos events -f --type agent', says: 'follow the agents of the newest session' },
    { line: 'maos events latest --json --after 120', says: 'continue after event 120' },
  ],
  pages: ({ options }) => (options.flag('follow') ? null : 'text'),
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options } = context;
  const wanted = wantedTypes(options.list('type').map(({ value }) => value));
  const session = await new SessionFinder(context).session(args[0] ?? 'latest');
  const { project, id } = session;
  const names = new Map<string, string>(project.store.load(id).agents.map((agent) => [agent.id, agent.name]));
  const print = async (events: readonly RecordedEvent[]): Promise<void> => {
    for (const event of events) if (wanted.has(event.type)) printEvent(event, names, context);
    await context.terminal.drained();
  };
  let after = options.number('after') ?? 0;
  for (;;) {
    const page = project.store.events(id, after, pageSize);
    await print(page);
    after = page.at(-1)?.seq ?? after;
    if (page.length < pageSize) break;
  }
  // Even if it has ended, because events stored since the last page remain to be shown.
  if (options.flag('follow')) {
    const stopWatching = watchOwner(session, context);
    await waitForSession(project, id, { signal: new AbortController().signal, after, onEvents: print });
    stopWatching();
  }
  return exitStatus.done;
}

const groups = [...new Set(eventTypes.map((type) => type.replace(/\..*/, '')))];

function wantedTypes(given: readonly string[]): ReadonlySet<string> {
  if (given.length === 0) return new Set(eventTypes);
  return new Set(
    given.flatMap((text) => {
      const types = eventTypes.filter((type) => type === text || type.startsWith(`${text}.`));
      if (types.length > 0) return types;
      throw new MaosError(
        'INVALID_INPUT',
        `Unknown event type ${quote(text)}. Give a group, such as 'agent', or one of its types, such as 'agent.failed'. Groups: ${groups.join(', ')}.`,
        { details: { type: startOf(text, 200), types: eventTypes } },
      );
    }),
  );
}

function printEvent(
  event: RecordedEvent,
  names: ReadonlyMap<string, string>,
  { terminal, json }: CommandContext,
): void {
  if (json) {
    terminal.record(eventView(event));
    return;
  }
  const { paint, width } = terminal.canvas;
  const subject = subjectOf(event, names);
  const head = `${String(event.seq).padStart(5)}  ${formatTime(event.at)}`;
  const what = `${subject === '' ? '' : `${subject}: `}${describeEvent(event)}`;
  // The text says what happened too; on a narrow terminal it needs the room of the type.
  const type = width < widthWithTypes ? '' : `${padEnd(event.type, 24)}  `;
  terminal.line(besideHead(`${paint('dim', head)}  ${type}`, what, width).trimEnd());
}
