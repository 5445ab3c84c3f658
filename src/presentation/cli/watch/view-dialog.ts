import { askedText } from '../../contracts/request-view.ts';
import type { Paint } from '../shell/terminal.ts';
import { plainPaint } from '../shell/terminal.ts';
import type { WatchState } from './state.ts';
import { wrap } from './styled-text.ts';

/** The sheet at the bottom that asks, explains the keys, or takes a text. */

const keys: readonly (readonly [keys: string, says: string])[] = [
  ['Up Down k j', 'choose; in a pane, scroll'],
  ['Home End g G', 'first and last'],
  ['PgUp PgDn b Space', 'a page up or down'],
  ['Enter, Esc', 'open, and back'],
  ['Tab', 'from the agents to the pane, and back'],
  ['1 … 7, Left Right', 'output, graph, events, messages, requests, checks, diff'],
  ['/', 'show only what contains a text; Esc shows everything'],
  ['a  d  e', 'allow, deny, or answer what an agent asks'],
  ['p  r', 'pause the session, resume it'],
  ['c  x', 'cancel the session, cancel the chosen agent'],
  ['t  T', 'retry what failed, retry the chosen agent'],
  ['l', "land the agents' work"],
  ['m', 'mouse on or off; off lets the terminal select text'],
  ['Ctrl-Z', 'back to the shell; fg returns'],
  ['q  Ctrl-C', 'leave; the sessions continue'],
];

/** Rows of the dialog, between its rule and its last line. */
function roomOf({ size }: WatchState): number {
  return Math.max(3, size.rows - 8);
}

/** The first line when the last one is visible. */
export function lastTop(state: WatchState): number {
  return Math.max(0, bodyOf(state, plainPaint).length - roomOf(state));
}

/** The rows of the dialog, for the bottom of the screen; none without one. */
export function dialogRows(state: WatchState, paint: Paint): string[] {
  const { dialog, size } = state;
  if (dialog === null || dialog.type === 'filter') return [];
  const body = bodyOf(state, paint);
  const room = roomOf(state);
  const top = 'top' in dialog ? dialog.top : Math.max(0, body.length - room);
  const shown = body.slice(top, top + room);
  const below = body.length - top - shown.length;
  const rule = paint('dim', '─'.repeat(size.columns - 1));
  return [rule, paint('bold', ` ${titleOf(state)}`), ...shown, paint('yellow', ` ${promptOf(state, below)}`)];
}

function titleOf({ dialog, session }: WatchState): string {
  if (dialog?.type === 'question') return dialog.question.title;
  if (dialog?.type !== 'answer') return 'Keys';
  const { request } = dialog;
  const agent = session?.workflow.agents.find(({ id }) => id === request.agentId)?.name ?? request.agentId;
  return `${agent} asks:`;
}

function bodyOf({ dialog, size }: WatchState, paint: Paint): string[] {
  const width = size.columns - 4;
  const lines = (text: string): string[] => wrap(text, width).map((line) => `  ${line}`);
  switch (dialog?.type) {
    case 'help':
      return keys.map(([names, says]) => `  ${paint('bold', names.padEnd(20))}${says}`);
    case 'question':
      return dialog.question.says.flatMap(lines);
    case 'answer':
      return [
        ...lines(askedText(dialog.request)),
        '',
        ...`${dialog.text}█`
          .split('\n')
          .flatMap((line) => wrap(`> ${line}`, width, '  ').map((one) => `  ${one}`)),
      ];
    default:
      return [];
  }
}

function promptOf({ dialog }: WatchState, below: number): string {
  const more = below > 0 ? ` (${below} more below: Down)` : '';
  if (dialog?.type === 'help') return `any other key: close${more}`;
  if (dialog?.type === 'answer') return 'Enter: send the answer   Esc: do not answer now';
  return below > 0 ? `Scroll down before you decide${more}   n: no` : 'y: yes   n: no';
}
