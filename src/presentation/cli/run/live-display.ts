import { stripVTControlCharacters } from 'node:util';
import type { RecordedEvent } from '../../../domain/events.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { waitReason } from '../../contracts/standing.ts';
import { renderLive } from '../render/live-block.ts';
import { displayWidth } from '../render/text-width.ts';
import type { Terminal } from '../terminal.ts';

const frameMs = 100;
const hideCursor = '\u001b[?25l';
const showCursor = '\u001b[?25h';

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
    // A second Ctrl-C ends the process where it stands: its terminal keeps a cursor all the same.
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
        this.#activities.set(event.agentId, waitReason(event.data.reason));
      } else if (event.type === 'agent.started' || event.type === 'agent.retried') {
        this.#activities.delete(event.agentId);
      }
    }
  }

  /** @param how `keep` leaves the last picture, for what follows to be written below it */
  stop(how: 'keep' | 'clear'): void {
    clearInterval(this.#timer);
    process.removeListener('exit', this.#restoreCursor);
    if (how === 'keep') this.#draw();
    else this.#terminal.write(eraseLines(this.#drawn, this.#terminal.columns));
    this.#restoreCursor();
  }

  #draw(): void {
    if (this.#workflow === null) return;
    const { columns, rows, canvas } = this.#terminal;
    this.#frame += 1;
    const view = {
      workflow: this.#workflow,
      activities: this.#activities,
      now: Date.now(),
      frame: this.#frame,
    };
    const lines = renderLive(view, { columns, rows }, canvas.paint);
    this.#terminal.write(`${eraseLines(this.#drawn, columns)}${lines.join('\n')}\n`);
    this.#drawn = lines;
  }
}

/** Moves to the first of the lines drawn before and clears from there; a narrowed terminal has wrapped them since. */
export function eraseLines(lines: readonly string[], columns: number): string {
  if (lines.length === 0) return '';
  const rows = lines.reduce(
    (sum, line) => sum + Math.max(1, Math.ceil(displayWidth(stripVTControlCharacters(line)) / columns)),
    0,
  );
  return `\u001b[${rows}A\r\u001b[0J`;
}
