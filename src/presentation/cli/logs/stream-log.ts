import type { OutputStream } from '../../../application/ports/agent-disk.ts';
import type { Project } from '../../../application/project.ts';
import { positionOf, readOutputPieces } from '../../../application/queries/agent-output.ts';
import type { OutputTimes } from '../../../application/queries/output-times.ts';
import type { Agent } from '../../../domain/agent.ts';

/** A line, or a piece of a very long one. */
export interface LogLine {
  readonly agent: Agent;
  readonly stream: OutputStream;
  /** The attempt that printed it, from 1. */
  readonly attempt: number;
  /** When it was seen, in Unix milliseconds. */
  readonly at: number;
  /** Among the lines of its attempt, those of both streams. */
  readonly order: number;
  /** Without the line feed. */
  readonly line: string;
  /** Whether the line continues in the next piece. */
  readonly continues: boolean;
}

/** What is read of each agent. */
export interface LogRequest {
  readonly streams: readonly OutputStream[];
  /** Without anything rendered. */
  readonly isRaw: boolean;
  /** The number of a check of its work, whose output is read instead. */
  readonly check: number | undefined;
  readonly keepsColours: boolean;
}

const pageChars = 32 * 1024;
/** Maximum length of an incomplete line that is held back. */
const maxPartialChars = 1024 * 1024;

interface Start {
  readonly attempt: number;
  readonly at: number;
}

/** Reads one stream of an agent line by line; each read continues where the last one stopped. */
export class StreamLog {
  readonly #project: Project;
  readonly #stream: OutputStream;
  readonly #request: LogRequest;
  readonly #times: OutputTimes;
  #agent: Agent;
  #cursor: string | null;
  #attempt = 1;
  /** The next attempt, once it has begun. */
  #next: Start | null = null;
  #lines: LogLine[] = [];
  /** How many of the lines were taken. */
  #taken = 0;
  #isAtEnd = false;
  /** The incomplete last line, without pieces that were already handed on. */
  #partial = '';
  #inPieces = false;
  #end = 0;

  constructor(given: {
    readonly project: Project;
    readonly agent: Agent;
    readonly stream: OutputStream;
    readonly request: LogRequest;
    readonly times: OutputTimes;
    readonly cursor: string | null;
  }) {
    this.#project = given.project;
    this.#agent = given.agent;
    this.#stream = given.stream;
    this.#request = given.request;
    this.#times = given.times;
    this.#cursor = given.cursor;
    this.#end = positionOf(given.cursor);
  }

  renew(agent: Agent): void {
    this.#agent = agent;
    this.#isAtEnd = false;
  }

  get needsFill(): boolean {
    return !this.#isAtEnd && this.head() === null;
  }

  head(): LogLine | null {
    return this.#lines[this.#taken] ?? null;
  }

  take(): LogLine | null {
    const line = this.head();
    if (line !== null) this.#taken += 1;
    return line;
  }

  /** Reads until there is a line, or no more has been printed. */
  async fill(): Promise<void> {
    while (this.needsFill) {
      this.#lines = [];
      this.#taken = 0;
      await this.#readPage();
    }
  }

  /** Makes the incomplete last line a line. */
  finish(): void {
    if (this.#partial !== '' || this.#inPieces) this.#hand(this.#partial, false);
    this.#partial = '';
  }

  async #readPage(): Promise<void> {
    this.#next ??= await this.#findNext();
    const { pieces, cursor, atEnd } = await readOutputPieces(this.#project, {
      agent: this.#agent,
      view: this.#request.isRaw ? this.#stream : 'readable',
      stream: this.#stream,
      check: this.#request.check,
      tailLines: null,
      cursor: this.#cursor,
      maxChars: pageChars,
      until: this.#next?.at ?? null,
      keepsColours: this.#request.keepsColours,
    });
    // A new attempt began meanwhile, and the page may extend into its output.
    if (this.#next === null && (await this.#findNext()) !== null) return;
    this.#cursor = cursor;
    const last = pieces.at(-1);
    if (last !== undefined) await this.#times.load(this.#stream, last.end);
    for (const { text, end } of pieces) this.#add(text, end);
    if (!atEnd) return;
    if (this.#next === null) this.#isAtEnd = true;
    else this.#goTo(this.#next);
  }

  /** Skips attempts that were fenced before they began. */
  async #findNext(): Promise<Start | null> {
    if (this.#request.check !== undefined) return null;
    const last = Math.max(this.#agent.attempt, this.#attempt + 1);
    for (let attempt = this.#attempt + 1; attempt <= last; attempt++) {
      const at = await this.#project.host.outputStart(this.#agent, attempt, this.#stream);
      if (at !== null) return { attempt, at };
    }
    return null;
  }

  #goTo({ attempt, at }: Start): void {
    this.finish();
    this.#attempt = attempt;
    this.#next = null;
    this.#cursor = String(Math.max(at, positionOf(this.#cursor)));
  }

  #add(text: string, end: number): void {
    this.#end = end;
    if (text.includes('\n')) {
      const lines = `${this.#partial}${text}`.split('\n');
      this.#partial = lines.pop() ?? '';
      for (const line of lines) this.#hand(line, false);
    } else this.#partial += text;
    if (this.#partial.length < maxPartialChars) return;
    this.#hand(this.#partial, true);
    this.#partial = '';
  }

  #hand(line: string, continues: boolean): void {
    this.#inPieces = continues;
    const seen = this.#times.of(this.#stream, this.#end);
    const { at, order } = seen;
    this.#lines.push({
      ...{ agent: this.#agent, stream: this.#stream, attempt: this.#attempt },
      ...{ at, order, line, continues },
    });
  }
}
