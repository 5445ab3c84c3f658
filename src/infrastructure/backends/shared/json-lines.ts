import { LineSplitter } from '../../../application/line-splitter.ts';
import type { AgentActivity } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json } from './json-values.ts';

/** Tool results can contain whole files; a longer line is dropped with a notice. */
const maxLineBytes = 16 * 1024 * 1024;
/** Maximum characters of a text that is shown or kept. */
export const maxText = 4_000;

/**
 * Reads output with one JSON object per line, in any chunks. A line that is not JSON is shown unchanged: a warning of
 * Node, a question, or a line cut off by a kill.
 */
export class JsonLines {
  readonly #splitter = new LineSplitter(maxLineBytes, 'drop');
  readonly #decoder = new TextDecoder();
  readonly #read: (record: Json) => readonly AgentActivity[];
  #told = 0;

  constructor(read: (record: Json) => readonly AgentActivity[]) {
    this.#read = read;
  }

  push(chunk: Uint8Array): readonly AgentActivity[] {
    return this.#lines(this.#splitter.push(chunk));
  }

  end(): readonly AgentActivity[] {
    return this.#lines(this.#splitter.end());
  }

  #lines(lines: readonly Uint8Array[]): readonly AgentActivity[] {
    const activities = lines.flatMap((line) => this.#line(this.#decoder.decode(line)));
    for (; this.#told < this.#splitter.dropped; this.#told += 1) {
      activities.push({ type: 'notice', text: 'Skipped a line longer than 16 MiB.' });
    }
    return activities;
  }

  #line(text: string): readonly AgentActivity[] {
    if (text.trim() === '') return [];
    let record: Json;
    try {
      record = asJson(JSON.parse(text));
    } catch {
      return [{ type: 'notice', text: startOf(text, maxText) }];
    }
    return this.#read(record);
  }
}
