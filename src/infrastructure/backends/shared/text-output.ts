import type { AgentActivity, OutputParser, ParsedRun } from '../../../application/ports/backend.ts';

/** Maximum length of a line in characters; longer ones are passed on in pieces. */
const maxLineLength = 64 * 1024;
/** How much of the end of the output becomes the result. */
const resultBytes = 4_096;
const resultLines = 20;

/**
 * Plain output: every line is text, and the last ones are the result. Decoded by chunk rather than by line, because
 * there can be very many lines.
 */
export class TextParser implements OutputParser {
  readonly #stream = new TextDecoder();
  readonly #decoder = new TextDecoder();
  /** An incomplete line. */
  #held = '';
  #tail: Uint8Array = new Uint8Array();
  #isCut = false;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    this.#keepTail(chunk);
    const text = this.#held + this.#stream.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n');
    const isLong = text.length - end > maxLineLength;
    this.#held = isLong ? '' : text.slice(end + 1);
    if (isLong) return textActivities(text);
    return end < 0 ? [] : textActivities(text.slice(0, end));
  }

  end(): readonly AgentActivity[] {
    const rest = this.#held + this.#stream.decode();
    this.#held = '';
    return rest === '' ? [] : textActivities(rest);
  }

  parsed(): ParsedRun {
    const text = this.#decoder.decode(this.#wholeLines()).trim();
    const result = text === '' ? null : text.split('\n').slice(-resultLines).join('\n');
    return {
      ...{ verdict: null, result, answer: null, usage: null, conversation: null },
      ...{ turns: 0, subagents: 0, denials: null },
    };
  }

  /** The tail without an incomplete line at its beginning, or at least without an incomplete character. */
  #wholeLines(): Uint8Array {
    if (!this.#isCut) return this.#tail;
    const lineFeed = this.#tail.indexOf(10);
    if (lineFeed >= 0 && lineFeed < this.#tail.length - 1) return this.#tail.subarray(lineFeed + 1);
    const character = this.#tail.findIndex((byte) => (byte & 0b1100_0000) !== 0b1000_0000);
    return this.#tail.subarray(Math.min(3, Math.max(0, character)));
  }

  #keepTail(chunk: Uint8Array): void {
    const joined = Buffer.concat([this.#tail, chunk.subarray(-resultBytes)]);
    this.#isCut ||= this.#tail.length + chunk.length > resultBytes;
    this.#tail = joined.subarray(Math.max(0, joined.length - resultBytes));
  }
}

/** Reports the last line separately, because it shows the program's current activity. */
function textActivities(text: string): readonly AgentActivity[] {
  const at = text.lastIndexOf('\n');
  if (at < 0) return [{ type: 'text', text }];
  return [
    { type: 'text', text: text.slice(0, at) },
    { type: 'text', text: text.slice(at + 1) },
  ];
}
