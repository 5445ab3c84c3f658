import type { Project } from '../../../application/project.ts';
import {
  type OutputView,
  positionOf,
  readAgentOutput,
  startOfTail,
} from '../../../application/queries/agent-output.ts';
import type { Agent } from '../../../domain/agent.ts';

/** A line, or a piece of a very long one. */
export interface OutputLine {
  readonly agent: Agent;
  /** The attempt that printed it, from 1. */
  readonly attempt: number;
  /** Without the line feed. */
  readonly line: string;
  /** Whether the line continues in the next piece. */
  readonly continues: boolean;
}

export interface LinePrinter {
  print(line: OutputLine): void;
  /** Called before the output of a later attempt. */
  begin(agent: Agent, attempt: number): void;
  /** Settles when more can be printed. */
  ready(): Promise<void>;
}

const pageChars = 64 * 1024;
/** Maximum size of a structured tail, which comes in one page. */
const tailChars = 4 * 1024 * 1024;
/** Maximum length of an incomplete line that is held back. */
const maxPartialChars = 1024 * 1024;

interface Start {
  readonly attempt: number;
  readonly at: number;
}

/** Reads one agent's output line by line; each read continues where the last one stopped. */
export class OutputReader {
  readonly #project: Project;
  readonly #view: OutputView;
  readonly #check: number | undefined;
  #agent: Agent;
  #tailLines: number | null;
  #cursor: string | null = null;
  #attempt = 1;
  /** The next attempt, once it has begun. */
  #next: Start | null = null;
  /** The incomplete last line, without pieces that were already printed. */
  #partial = '';
  #inPieces = false;

  /**
   * @param tailLines begin with this many last lines; null for all
   * @param check reads the output of this check of its work instead
   */
  constructor(project: Project, agent: Agent, view: OutputView, tailLines: number | null, check?: number) {
    this.#check = check;
    this.#project = project;
    this.#agent = agent;
    this.#view = view;
    this.#tailLines = tailLines;
  }

  get agent(): Agent {
    return this.#agent;
  }

  /**
   * Prints every complete line written since the last call.
   * @param agent in its current state
   */
  async read(printer: LinePrinter, agent: Agent = this.#agent): Promise<void> {
    this.#agent = agent;
    if (this.#tailLines !== null) await this.#readTail(this.#tailLines, printer);
    this.#tailLines = null;
    for (;;) {
      this.#next ??= await this.#findNext();
      const until = this.#next?.at ?? null;
      const { text, cursor, atEnd } = await readAgentOutput(this.#project, {
        agent,
        view: this.#view,
        check: this.#check,
        tailLines: null,
        cursor: this.#cursor,
        maxChars: pageChars,
        until,
      });
      // A new attempt began meanwhile, and the page may extend into its output.
      if (this.#next === null && (await this.#findNext()) !== null) continue;
      this.#cursor = cursor;
      this.#take(text, printer);
      await printer.ready();
      if (!atEnd) continue;
      if (this.#next === null) return;
      this.#goTo(this.#next, printer);
    }
  }

  /** Prints the last line if it was never completed. */
  finish(printer: LinePrinter): void {
    if (this.#partial !== '' || this.#inPieces) this.#hand(this.#partial, false, printer);
    this.#partial = '';
  }

  /** Moves to the beginning of the last lines; prints structured output directly. */
  async #readTail(lines: number, printer: LinePrinter): Promise<void> {
    const start = await startOfTail(
      this.#project,
      { agent: this.#agent, view: this.#view, check: this.#check },
      lines,
    );
    if (start === null) {
      const { text, cursor } = await readAgentOutput(this.#project, {
        agent: this.#agent,
        view: this.#view,
        check: this.#check,
        tailLines: lines,
        cursor: null,
        maxChars: tailChars,
      });
      this.#cursor = cursor;
      await this.#passAttempts();
      this.#take(text, printer);
    } else {
      this.#cursor = start;
      await this.#passAttempts();
    }
  }

  /** Skips the marks of attempts that began before the cursor. */
  async #passAttempts(): Promise<void> {
    const at = positionOf(this.#cursor);
    for (;;) {
      this.#next = await this.#findNext();
      if (this.#next === null || this.#next.at > at) return;
      this.#attempt = this.#next.attempt;
    }
  }

  /** Skips attempts that were fenced before they began. */
  async #findNext(): Promise<Start | null> {
    if (this.#check !== undefined) return null;
    const stream = this.#view === 'stderr' ? 'stderr' : 'stdout';
    const last = Math.max(this.#agent.attempt, this.#attempt + 1);
    for (let attempt = this.#attempt + 1; attempt <= last; attempt++) {
      const at = await this.#project.host.outputStart(this.#agent, attempt, stream);
      if (at !== null) return { attempt, at };
    }
    return null;
  }

  #goTo({ attempt, at }: Start, printer: LinePrinter): void {
    this.finish(printer);
    // Without earlier output, no separator is needed.
    if (at > 0) printer.begin(this.#agent, attempt);
    this.#attempt = attempt;
    this.#next = null;
    this.#cursor = String(Math.max(at, positionOf(this.#cursor)));
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
    printer.print({ agent: this.#agent, attempt: this.#attempt, line, continues });
  }
}
