import type { RecordedEvent } from '../../../domain/events.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { renderLive } from '../render/live-block.ts';
import { rowsOf } from '../render/text-width.ts';
import { JobControl } from '../shell/job-control.ts';
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
  readonly #mayDraw: () => boolean;
  readonly #jobControl: JobControl;
  readonly #restoreCursor = (): void => {
    this.#terminal.writeNow(showCursor);
    this.#hidesCursor = false;
  };
  #workflow: Workflow | null = null;
  #drawn: readonly string[] = [];
  #frame = 0;
  #hidesCursor = false;

  /** @param mayDraw false while the terminal is another program's */
  constructor(terminal: Terminal, mayDraw: () => boolean = () => true) {
    this.#terminal = terminal;
    this.#mayDraw = mayDraw;
    this.#timer = setInterval(() => this.#draw(), frameMs);
    // A second Ctrl-C ends the process immediately; the terminal must get its cursor back even then.
    process.once('exit', this.#restoreCursor);
    this.#jobControl = new JobControl({ leave: () => this.#clear(), forget: () => this.#forget() });
  }

  show(events: readonly RecordedEvent[], workflow: Workflow): void {
    this.#workflow = workflow;
    this.#activities.take(events);
  }

  /** @param how `keep` leaves the last frame, so that further output appears below it */
  stop(how: 'keep' | 'clear'): void {
    clearInterval(this.#timer);
    process.removeListener('exit', this.#restoreCursor);
    this.#jobControl.dispose();
    if (how === 'keep') {
      this.#draw('always');
      this.#restoreCursor();
    } else this.#clear();
  }

  /** At once, because the process may stop or end now. */
  #clear(): void {
    this.#terminal.writeNow(`${redraw([], this.#occupiedRows())}${showCursor}`);
    this.#forget();
  }

  /** The next frame is drawn where the cursor is then. */
  #forget(): void {
    this.#drawn = [];
    this.#hidesCursor = false;
  }

  /** Skips a frame while the previous one is still being written; the next frame is newer anyway. */
  #draw(when: 'if free' | 'always' = 'if free'): void {
    if (this.#workflow === null || (when === 'if free' && this.#terminal.isBehind)) return;
    if (!this.#mayDraw()) {
      this.#forget();
      return;
    }
    this.#terminal.measure();
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
    const cursor = this.#hidesCursor ? '' : hideCursor;
    this.#terminal.write(`${cursor}${beginUpdate}${redraw(lines, this.#occupiedRows())}${endUpdate}`);
    this.#hidesCursor = true;
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
