import { styleText } from 'node:util';
import { showControls } from '../../../domain/invisible-marks.ts';
import { type OutputStream, OutputWriter } from './output-writer.ts';

/** Formats of {@link styleText}. */
export type Format = Parameters<typeof styleText>[0];
/** The text in a format, or as it is where there is no colour. */
export type Paint = (format: Format, text: string) => string;

export const plainPaint: Paint = (_format, text) => text;
export const colourPaint: Paint = (format, text) =>
  text === '' ? '' : styleText(format, text, { validateStream: false });

/** The formats in which {@link colourPaint} is asked for text. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: formats are made of them
const formats = /(\u001b\[(?:1|2|22|3[1-6]|39)m)/;

/** What text is made for: colours, and the width lines are cut to. */
export interface Canvas {
  readonly paint: Paint;
  /** Columns; Infinity where nothing is cut. */
  readonly width: number;
}

/** Where a command's output goes. */
export class Terminal {
  readonly #stdout: OutputStream;
  readonly #stderr: OutputStream;
  readonly #paint: Paint;
  readonly #paintErrors: Paint;
  /** stdout is a terminal whose lines can be redrawn. */
  readonly live: boolean;
  readonly #output: OutputWriter;

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
    this.live = stdout.isTTY === true && env.TERM !== 'dumb';
  }

  get canvas(): Canvas {
    return { paint: this.#paint, width: this.live ? this.columns : Number.POSITIVE_INFINITY };
  }

  get columns(): number {
    return this.#stdout.columns || 80;
  }

  get rows(): number {
    return this.#stdout.rows || 24;
  }

  /** Aborts when stdout cannot be written any more, with the system's error as its reason. */
  get outputLost(): AbortSignal {
    return this.#output.lost;
  }

  /** stdout has not yet taken all that was written: its reader is slow, or has stopped it (Ctrl-S). */
  get isBehind(): boolean {
    return this.#output.isWriting;
  }

  /** Writes to stdout as it is: what MAOS itself made, or bytes that somebody asked for. */
  write(text: string): void {
    this.#output.write(text);
  }

  /** Writes bytes to stdout. @throws the system's error when it cannot be written any more */
  send(bytes: Uint8Array): Promise<void> {
    return this.#output.send(bytes);
  }

  /** To be awaited between two pages of a stream, so that a slow reader does not fill this process's memory. */
  drained(): Promise<void> {
    return this.#output.drained();
  }

  /** A line for people, made {@link harmless}. */
  line(text = ''): void {
    this.write(`${this.harmless(text)}\n`);
  }

  /** The text with all that would steer the terminal shown instead, but for the formats of this terminal's canvas. */
  harmless(text: string): string {
    if (this.#paint === plainPaint) return showControls(text);
    return text
      .split(formats)
      .map((piece, index) => (index % 2 === 1 ? piece : showControls(piece)))
      .join('');
  }

  /** One JSON document, over several lines. */
  document(value: unknown): void {
    this.line(JSON.stringify(value, null, 2));
  }

  /** One JSON document on one line of a stream. */
  record(value: unknown): void {
    this.line(JSON.stringify(value));
  }

  /** A notice for people beside the output: to stderr. */
  notice(text: string): void {
    this.#stderr.write(`${this.#paintErrors('dim', showControls(text))}\n`);
  }

  /** stderr is a terminal. */
  get hasReader(): boolean {
    return this.#stderr.isTTY === true;
  }

  /** Asks on stderr; the answer is typed behind it. */
  question(text: string): void {
    this.#stderr.write(showControls(text));
  }

  /** stdout failed: what is written from now on goes nowhere. */
  loseOutput(error: Error): void {
    this.#output.lose(error);
  }
}

/** As Node does it: a flag, then FORCE_COLOR, then NO_COLOR (https://no-color.org), then whether it is a terminal. */
export function wantsColour(
  stream: { readonly isTTY?: boolean },
  env: Readonly<Record<string, string | undefined>>,
  noColor: boolean,
): boolean {
  if (noColor) return false;
  const force = env.FORCE_COLOR;
  if (force !== undefined) return force !== '0' && force !== 'false';
  if (env.NO_COLOR !== undefined && env.NO_COLOR !== '') return false;
  return stream.isTTY === true && env.TERM !== 'dumb';
}
