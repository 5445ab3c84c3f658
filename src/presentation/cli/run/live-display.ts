import { stripVTControlCharacters } from 'node:util';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { renderLive } from '../render/live-block.ts';
import { displayWidth } from '../render/text-width.ts';
import type { Terminal } from '../shell/terminal.ts';
import { AgentActivities } from './agent-activities.ts';

const frameMs = 100;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';
/** Terminals that support these marks draw the text between them at once; others ignore them. */
const beginUpdate = '\u001b[?2026h';
const endUpdate = '\u001b[?2026l';

/** Draws a session in place on a terminal, ten times a second. */
export class LiveDisplay {
  readonly #terminal: Terminal;
  readonly #activities = new AgentActivities();
  readonly #timer: NodeJS.Timeout;
  readonly #restoreCursor = (): void => this.#terminal.write(showCursor);
  #workflow: Workflow | null = null;
  #drawn: readonly string[] = [];
  #frame = 0;

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    this.#timer = setInterval(() => this.#draw(), frameMs);
    // A second Ctrl-C ends the process immediately; the terminal must get its cursor back even then.
    process.once('exit', this.#restoreCursor);
    terminal.write(hideCursor);
  }

  show(events: readonly RecordedEvent[], workflow: Workflow): void {
    this.#workflow = workflow;
    this.#activities.take(events);
  }

  /** @param how `keep` leaves the last frame, so that further output appears below it */
  stop(how: 'keep' | 'clear'): void {
    clearInterval(this.#timer);
    process.removeListener('exit', this.#restoreCursor);
    if (how === 'keep') this.#draw('always');
    else this.#terminal.write(redraw([], this.#occupiedRows()));
    this.#restoreCursor();
  }

  /** Skips a frame while the previous one is still being written; the next frame is newer anyway. */
  #draw(when: 'if free' | 'always' = 'if free'): void {
    if (this.#workflow === null || (when === 'if free' && this.#terminal.isBehind)) return;
    const { columns, rows, canvas } = this.#terminal;
    this.#frame += 1;
    const view = {
      workflow: this.#workflow,
      activities: this.#activities.texts,
      asks: this.#activities.asks,
      now: Date.now(),
      frame: this.#frame,
    };
    const lines = renderLive(view, { columns, rows }, canvas.paint).map((line) =>
      this.#terminal.harmless(line),
    );
    this.#terminal.write(`${beginUpdate}${redraw(lines, this.#occupiedRows())}${endUpdate}`);
    this.#drawn = lines;
  }

  /** If the terminal became narrower, it has wrapped the lines; rows above its height cannot be reached. */
  #occupiedRows(): number {
    const { columns, rows } = this.#terminal;
    return Math.min(rowsOf(this.#drawn, columns), Math.max(1, rows - 1));
  }
}

/**
 * Writes lines over the occupied rows above the cursor. Line by line, because tmux adds a screen that is cleared from
 * its first cell to its history.
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

/** Number of rows that the lines take on a terminal of that width. */
export function rowsOf(lines: readonly string[], columns: number): number {
  return lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
    0,
  );
}
