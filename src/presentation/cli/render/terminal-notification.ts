import { shorten } from '../../../domain/cut-text.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import type { NotificationWay } from '../../../domain/notification.ts';

/** Control sequences that notify on a terminal. Their text is cut and cannot contain control characters. */

export type DesktopSequence = 'osc9' | 'osc777';

type Environment = Readonly<Record<string, string | undefined>>;

const bell = '\u0007';
const maxTitle = 80;
const maxDesktop = 200;

export interface TerminalNotice {
  readonly ways: readonly NotificationWay[];
  readonly text: string;
  /** Null: the terminal is not known to support one. */
  readonly desktop: DesktopSequence | null;
  readonly env: Environment;
}

export function noticeSequence({ ways, text, desktop, env }: TerminalNotice): string {
  return [
    ways.includes('title') ? titleSequence(text, env) : '',
    ways.includes('desktop') && desktop !== null ? desktopSequence(desktop, text, env) : '',
    ways.includes('bell') ? bell : '',
  ].join('');
}

/** Empty for Linux's console, which has no title and would print the text. */
export function titleSequence(text: string, { TERM: term }: Environment): string {
  return term === 'linux' ? '' : `\u001b]2;maos: ${shorten(showName(text), maxTitle)}${bell}`;
}

/** Inside tmux, sent as a passthrough to the outer terminal, which requires tmux's `allow-passthrough`. */
function desktopSequence(kind: DesktopSequence, text: string, { TMUX: tmux = '' }: Environment): string {
  const said = shorten(showName(text), maxDesktop);
  const sequence = `\u001b]${kind === 'osc9' ? `9;maos: ${said}` : `777;notify;maos;${said}`}${bell}`;
  return tmux === '' ? sequence : `\u001bPtmux;${sequence.replaceAll('\u001b', '\u001b\u001b')}\u001b\\`;
}

const byProgram: Readonly<Record<string, DesktopSequence>> = {
  'iTerm.app': 'osc9',
  WarpTerminal: 'osc9',
  WezTerm: 'osc777',
  ghostty: 'osc777',
};

/**
 * The sequence that the terminal supports; null if none is known, and inside tmux and screen, which do not pass it on
 * by themselves.
 */
export function knownDesktopSequence(env: Environment): DesktopSequence | null {
  const { TERM: term = '', TERM_PROGRAM: program = '', TMUX: tmux = '' } = env;
  if (tmux !== '' || /^(screen|tmux)/.test(term)) return null;
  if (Object.hasOwn(byProgram, program)) return byProgram[program] as DesktopSequence;
  if (/^xterm-kitty/.test(term)) return 'osc9';
  return /^(foot|rxvt|xterm-ghostty)/.test(term) ? 'osc777' : null;
}
