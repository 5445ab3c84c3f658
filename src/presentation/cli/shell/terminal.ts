import { styleText } from 'node:util';
import { showControls } from '../../../domain/invisible-marks.ts';
import { type OutputStream, OutputWriter } from './output-writer.ts';
import type { PagedOutput } from './paged-output.ts';
import { missingFields, selectFields } from './selected-fields.ts';

/** A format of {@link styleText}. */
export type Format = Parameters<typeof styleText>[0];
/** Formats the text, or returns it unchanged without colours. */
export type Paint = (format: Format, text: string) => string;

export const plainPaint: Paint = (_format, text) => text;
export const colourPaint: Paint = (format, text) =>
  text === '' ? '' : styleText(format, text, { validateStream: false });

/** Breaks lines between words, at most `width` columns each. */
type WrapLines = (text: string, width: number) => string;

/** The escape sequences of the formats that {@link colourPaint} is used with. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: formats are made of them
const formats = /(\u001b\[(?:1|2|7|22|27|3[1-6]|39)m)/;

/** The target of formatted text: colours, and the width at which lines are cut. */
export interface Canvas {
  readonly paint: Paint;
  /** In columns; Infinity to cut nothing. */
  readonly width: number;
}

/** The output of a command. */
export class Terminal {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #paint: Paint;
  readonly #paintErrors: Paint;
  /** Whether stdout is a terminal that can move its cursor. */
  readonly live: boolean;
  /** Whether to draw a live view on it; otherwise lines follow each other. */
  readonly redraws: boolean;
  #output: OutputWriter;
  #page: PagedOutput | null = null;
  #wrap: WrapLines | null = null;
  readonly #chosenWidth: number;
  #fields: readonly string[] | null = null;

  constructor(options: {
    readonly stdout: OutputStream;
    readonly stderr: OutputStream;
    readonly env: Readonly<Record<string, string | undefined>>;
    readonly noColor: boolean;
  }) {
    const { stdout, stderr, env, noColor } = options;
    this.#stdout = stdout;
    this.#output = new OutputWriter(stdout);
    this.#stderr = stderr;
    this.#paint = wantsColour(stdout, env, noColor) ? colourPaint : plainPaint;
    this.#paintErrors = wantsColour(stderr, env, noColor) ? colourPaint : plainPaint;
    this.#chosenWidth = /^[1-9]\d{0,3}$/.test(env.COLUMNS ?? '') ? Number(env.COLUMNS) : 100;
    this.live = stdout.isTTY === true && env.TERM !== 'dumb';
    this.redraws = this.live && !isSet(env.NO_COLOR) && (!isSet(env.CI) || env.CI === 'false');
  }

  get canvas(): Canvas {
    return { paint: this.#paint, width: this.live ? this.columns : Number.POSITIVE_INFINITY };
  }

  /** The width for wrapped text: that of the terminal; elsewhere that of COLUMNS, or 100. */
  get textWidth(): number {
    return this.live ? this.columns : this.#chosenWidth;
  }

  get columns(): number {
    return this.#stdout.columns || 80;
  }

  get rows(): number {
    return this.#stdout.rows || 24;
  }

  /** Aborts when stdout can no longer be written, with the system's error as reason. */
  get outputLost(): AbortSignal {
    return this.#output.lost;
  }

  /**
   * Problem: Node learns of a new size by a signal, so text that is drawn before it arrives has the wrong width.
   * Solution: ask for the size before drawing. Node has no public method for it.
   */
  measure(): void {
    this.#stdout._refreshSize?.();
  }

  /** Whether stdout has not yet taken everything: its reader is slow, or has stopped it (Ctrl-S). */
  get isBehind(): boolean {
    return this.#output.isWriting;
  }

  /** Writes to stdout unchanged: MAOS's own text, or raw output that the user requested. */
  write(text: string): void {
    this.#output.write(text);
  }

  /** As {@link write}, without waiting for earlier text to be taken: before the process ends or stops. */
  writeNow(text: string): void {
    this.#output.write(text);
    this.#output.flush();
  }

  /** Writes bytes to stdout. @throws the system's error when it can no longer be written */
  send(bytes: Uint8Array): Promise<void> {
    return this.#output.send(bytes);
  }

  /** From now on the output goes there, and what is said to people on the same terminal, in its place between. */
  usePager(page: PagedOutput | null): void {
    this.#page = page;
    this.#output = new OutputWriter(page ?? this.#stdout);
  }

  /** Settles when all output is where it belongs: the system has it, and the user has left the pager. */
  async finished(): Promise<void> {
    await this.#output.drained();
    await this.#page?.end();
  }

  /** Await after each page of a stream, so that a slow reader does not fill this process's memory. */
  drained(): Promise<void> {
    return this.#output.drained();
  }

  /** From now on, what is said to people on a terminal breaks between words. */
  wrapWith(wrap: WrapLines): void {
    this.#wrap = wrap;
  }

  /** Prints a line for people, made {@link harmless}. */
  line(text = ''): void {
    const shown = this.harmless(text);
    this.write(`${this.live ? this.#wrapped(shown, this.columns) : shown}\n`);
  }

  /** Prints a line of code or data for people to copy, made {@link harmless}. */
  code(text = ''): void {
    this.write(`${this.harmless(text)}\n`);
  }

  /** Prints what failed to stderr, with its line feed. */
  failure(text: string, form: 'text' | 'json'): void {
    this.#stderr.write(form === 'json' ? text : this.#forErrors(text));
  }

  #forErrors(text: string): string {
    return this.hasReader ? this.#wrapped(text, this.#stderr.columns || 80) : text;
  }

  #wrapped(text: string, width: number): string {
    return this.#wrap === null ? text : this.#wrap(text, width);
  }

  /** Makes control characters visible, except for the formats of this terminal's canvas. */
  harmless(text: string): string {
    if (this.#paint === plainPaint) return showControls(text);
    return text
      .split(formats)
      .map((piece, index) => (index % 2 === 1 ? piece : showControls(piece)))
      .join('');
  }

  /** Prints one JSON document over several lines. */
  document(value: unknown): void {
    const fields = this.#fields;
    const missing = fields === null ? null : missingFields(value, fields);
    if (missing !== null) this.notice(missing);
    this.code(JSON.stringify(fields === null ? value : selectFields(value, fields), null, 2));
  }

  /** From now on, JSON has only these fields. */
  select(fields: readonly string[]): void {
    this.#fields = fields;
  }

  /** Prints one JSON document on a single line of a stream. */
  record(value: unknown): void {
    this.code(JSON.stringify(this.#fields === null ? value : selectFields(value, this.#fields)));
  }

  /** Prints a notice for people to stderr. */
  notice(text: string): void {
    this.#say(`${this.#paintErrors('dim', this.#forErrors(showControls(text)))}\n`);
  }

  /** Writes a control sequence to stderr, to keep it out of the output. */
  signal(sequence: string): void {
    this.#say(sequence);
  }

  /** stderr is a terminal. */
  get hasReader(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Prints a question to stderr, without a line feed after it. */
  question(text: string): void {
    this.#say(this.#forErrors(showControls(text)));
  }

  /** Where both streams are one terminal or file, stderr must not get ahead of stdout. */
  #say(text: string): void {
    if (this.#page !== null && this.hasReader) {
      this.#output.write(text);
      return;
    }
    this.#output.flush();
    this.#stderr.write(text);
  }

  /** Call when stdout has failed: further output is discarded. */
  loseOutput(error: Error): void {
    this.#output.lose(error);
  }
}

/** Node's order: the flag, FORCE_COLOR, NO_COLOR (https://no-color.org), and whether the stream is a terminal. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  noColor: boolean,
): boolean {
  if (noColor) return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (isSet(env.NO_COLOR)) return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}

function isSet(variable: string | undefined): boolean {
  return variable !== undefined && variable !== '';
}
