import type { Agent } from '../../../domain/agent.ts';
import { shorten } from '../../../domain/cut-text.ts';
import type { Message } from '../../../domain/message.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { partyName } from '../../contracts/message-view.ts';
import type { Canvas } from '../shell/terminal.ts';
import { formatTime } from './format.ts';
import { renderTable } from './table.ts';

const maxText = 80;

/** One message in full: its sender, and its text with a bar before each line. */
export function renderMessageForPeople(message: Message, agents: readonly Agent[]): string {
  const { id, type, subject, body, queuedAt, from, to } = message;
  const head = `${id} ${type} from ${partyName(from, agents)} to ${partyName(to, agents)}, ${queuedAt}`;
  const about = subject === '' ? [] : [`Subject: ${oneLine(subject)}`];
  return [head, ...about, ...body.split('\n').map((line) => `| ${line}`)].join('\n');
}

/**
 * One line per message, in the order of a conversation.
 * @param messages newest first
 */
export function renderMessageTable(
  messages: readonly Message[],
  agents: readonly Agent[],
  canvas: Canvas,
): string[] {
  const columns = [
    { title: 'MESSAGE', whole: true },
    { title: 'TIME', rank: 1 },
    { title: 'FROM' },
    { title: 'TO' },
    { title: 'STATE', rank: 2 },
    { title: 'TEXT' },
  ];
  const short = shortIds(messages.map(({ id }) => id));
  const rows = messages
    .toReversed()
    .map((message) => [
      { text: message.id, short: short.get(message.id) ?? '' },
      formatTime(message.queuedAt),
      partyName(message.from, agents),
      partyName(message.to, agents),
      message.state,
      shorten(oneLine(`${message.subject === '' ? '' : `${message.subject}: `}${message.body}`), maxText),
    ]);
  return renderTable(columns, rows, canvas);
}
