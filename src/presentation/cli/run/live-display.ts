import { stripVTControlCharacters } from 'node:util';
import type { RecordedEvent } from '../../../domain/events.ts';
import { waitText } from '../../../domain/waiting.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { renderLive } from '../render/live-block.ts';
import { displayWidth } from '../render/text-width.ts';
import type { Terminal } from '../shell/terminal.ts';

const frameMs = 100;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
/** Terminals that support these marks draw the text between them at once; others ignore the marks. */
const beginUpdate = '\u001b[?2026h';
const endUpdate = '\u001b[?2026l';

/** Draws a session in place, ten times a second, on a terminal. */
export class LiveDisplay {
  readonly #terminal: Terminal;
  readonly #activities = new Map<string, string>();
  readonly #timer: NodeJS.Timeout;
  readonly #restoreCursor = (): void => this.#terminal.write(showCursor);
  #workflow: Workflow | null = null;
  #drawn: readonly string[] = [];
  #frame = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#timer = setInterval(() => this.#draw(), frameMs);
    // A second Ctrl-C ends the process at once: the terminal must have its cursor back even then.
    process.once('exit', this.#restoreCursor);
    terminal.write(hideCursor);
  }

  show(events: readonly RecordedEvent[], workflow: Workflow): void {
    this.#workflow = workflow;
    for (const event of events) {
      if (event.agentId === null) continue;
      if (event.type === 'agent.progressed' && event.data.activity !== '') {
        this.#activities.set(event.agentId, event.data.activity);
      } else if (event.type === 'agent.waiting') {
        this.#activities.set(event.agentId, waitText(event.data));
      } else if (event.type === 'agent.started' || event.type === 'agent.retried') {
        this.#activities.delete(event.agentId);
      }
    }
  }

  /** @param how `keep` leaves the last picture, for what follows to be written below it */
  stop(how: 'keep' | 'clear'): void {
    clearInterval(this.#timer);
    process.removeListener('exit', this.#restoreCursor);
    if (how === 'keep') this.#draw('always');
    else this.#terminal.write(redraw([], this.#occupiedRows()));
    this.#restoreCursor();
  }

  /** A picture that would wait for the one before it is left out: the next one shows more. */
  #draw(when: 'if free' | 'always' = 'if free'): void {
    if (this.#workflow === null || (when === 'if free' && this.#terminal.isBehind)) return;
    const { columns, rows, canvas } = this.#terminal;
    this.#frame += 1;
    const view = {
      workflow: this.#workflow,
      activities: this.#activities,
      now: Date.now(),
      frame: this.#frame,
    };
    const lines = renderLive(view, { columns, rows }, canvas.paint).map((line) =>
      this.#terminal.harmless(line),
    );
    this.#terminal.write(`${beginUpdate}${redraw(lines, this.#occupiedRows())}${endUpdate}`);
    this.#drawn = lines;
  }

  /** A narrowed terminal has wrapped the lines since; of a lowered one, no more than its height is in reach. */
  #occupiedRows(): number {
    const { columns, rows } = this.#terminal;
    return Math.min(rowsOf(this.#drawn, columns), Math.max(1, rows - 1));
  }
}

/**
 * Writes lines over what occupies the rows above the cursor. Line by line: tmux takes a screen that is cleared from its
 * first cell on for one to keep in its history.
 */
export function redraw(lines: readonly string[], occupied: number): string {
  const surplus = Math.max(0, occupied - lines.length);
  return [
    occupied === 0 ? '' : `\u001b[${occupied}A\r`,
    ...lines.map((line) => `${line}\u001b[K\n`),
    '\u001b[K\n'.repeat(surplus),
    surplus === 0 ? '' : `\u001b[${surplus}A`,
  ].join('');
}

/** Rows that lines take on a terminal of so many columns. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
    0,
  );
}
