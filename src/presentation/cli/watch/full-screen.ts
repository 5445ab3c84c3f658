import type { Terminal } from '../shell/terminal.ts';

const csi = '\u001b[';
const pasteOn = `${csi}?2004h`;
const pasteOff = `${csi}?2004l`;
/** Clicks and the wheel, in the form without limits on columns (SGR). */
const mouseOn = `${csi}?1000h${csi}?1006h`;
const mouseOff = `${csi}?1006l${csi}?1000l`;
/** The alternate screen, which keeps the user's own and its history as they are. */
const enter = `${csi}?1049h${csi}?25l${pasteOn}${csi}2J`;
/** Cleared first, for terminals without an alternate screen, as GNU screen by default. */
const leave = `${pasteOff}${mouseOff}${csi}0m${csi}H${csi}J${csi}?25h${csi}?1049l`;
/** Terminals that support these marks draw the text between them at once; others ignore them. */
const beginUpdate = `${csi}?2026h`;
const endUpdate = `${csi}?2026l`;

/** Draws rows on the whole terminal, and writes only those that have changed. */
export class FullScreen {
  readonly #terminal: Terminal;
  readonly #restore = (): void => this.leave();
  #isShown = false;
  #drawn: readonly string[] = [];

  constructor(terminal: Terminal) {
    this.#terminal = terminal;
    // A second signal ends the process immediately, and an error prints its report first: the terminal must be the
    // user's again before either.
    process.once('exit', this.#restore);
    process.once('uncaughtExceptionMonitor', this.#restore);
  }

  get isBehind(): boolean {
    return this.#terminal.isBehind;
  }

  enter(mouse: boolean): void {
    if (this.#isShown) return;
    this.#isShown = true;
    this.#drawn = [];
    this.#terminal.write(`${enter}${mouse ? mouseOn : ''}`);
  }

  setMouse(on: boolean): void {
    if (this.#isShown) this.#terminal.write(on ? mouseOn : mouseOff);
  }

  leave(): void {
    if (!this.#isShown) return;
    this.#isShown = false;
    this.#terminal.writeNow(leave);
  }

  /** Writes every row again at the next drawing: the terminal has changed them. */
  forget(): void {
    this.#drawn = [];
  }

  /** @param rows each narrower than the terminal, so that clearing the rest of a row clears none of its text */
  draw(rows: readonly string[]): void {
    if (!this.#isShown) return;
    const isFirst = this.#drawn.length === 0;
    const changes = rows.flatMap((row, index) =>
      row === this.#drawn[index] ? [] : [`${csi}${index + 1};1H${this.#terminal.harmless(row)}${csi}K`],
    );
    this.#drawn = rows;
    if (changes.length === 0) return;
    this.#terminal.write(`${beginUpdate}${isFirst ? `${csi}2J` : ''}${changes.join('')}${endUpdate}`);
  }

  dispose(): void {
    this.leave();
    process.removeListener('exit', this.#restore);
    process.removeListener('uncaughtExceptionMonitor', this.#restore);
  }
}
