import { type OutputView, readAgentOutput } from '../../application/agent-output.ts';
import type { Project } from '../../application/project.ts';
import type { Agent } from '../../domain/agent.ts';

/** A line, or a piece of one that is too long to be held. */
export interface OutputLine {
  readonly agent: Agent;
  /** Without its line feed. */
  readonly line: string;
  /** More of this line follows. */
  readonly continues: boolean;
}

/** Where lines go. */
export interface LinePrinter {
  print(line: OutputLine): void;
  /** Settles when more may be printed. */
  ready(): Promise<void>;
}

const pageChars = 64 * 1024;
/** A tail comes in one page. */
const tailChars = 4 * 1024 * 1024;
/** Of a line that has not ended, no more is held. */
const maxPartialChars = 1024 * 1024;

/** Reads one agent's output line by line, going on where it stopped. */
export class OutputReader {
  readonly #project: Project;
  readonly #view: OutputView;
  #agent: Agent;
  #tailLines: number | null;
  #cursor: string | null = null;
  /** A last line that has not ended yet, or what is left of it after pieces that were handed over. */
  #partial = '';
  #inPieces = false;

  /** @param tailLines at first, only so many last lines; null for all */
  constructor(project: Project, agent: Agent, view: OutputView, tailLines: number | null) {
    this.#project = project;
    this.#agent = agent;
    this.#view = view;
    this.#tailLines = tailLines;
  }

  get agent(): Agent {
    return this.#agent;
  }

  /**
   * Hands over every whole line written since the last call.
   * @param agent as it is now
   */
  async read(printer: LinePrinter, agent: Agent = this.#agent): Promise<void> {
    this.#agent = agent;
    for (;;) {
      const { text, cursor, atEnd } = await readAgentOutput(this.#project, {
        agent,
        view: this.#view,
        tailLines: this.#tailLines === 0 ? 1 : this.#tailLines,
        cursor: this.#cursor,
        maxChars: this.#tailLines === null ? pageChars : tailChars,
      });
      const wanted = this.#tailLines !== 0;
      this.#tailLines = null;
      this.#cursor = cursor;
      if (wanted) this.#take(text, printer);
      await printer.ready();
      if (atEnd) return;
    }
  }

  /** Hands over a last line that was never ended. */
  finish(printer: LinePrinter): void {
    if (this.#partial !== '' || this.#inPieces) this.#hand(this.#partial, false, printer);
    this.#partial = '';
  }

  #take(text: string, printer: LinePrinter): void {
    const lines = `${this.#partial}${text}`.split('\n');
    this.#partial = lines.pop() ?? '';
    for (const line of lines) this.#hand(line, false, printer);
    if (this.#partial.length < maxPartialChars) return;
    this.#hand(this.#partial, true, printer);
    this.#partial = '';
  }

  #hand(line: string, continues: boolean, printer: LinePrinter): void {
    this.#inPieces = continues;
    printer.print({ agent: this.#agent, line, continues });
  }
}
