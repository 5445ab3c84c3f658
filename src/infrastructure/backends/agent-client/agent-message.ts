import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';

/** Maximum characters kept of a message; the log has the rest. */
const maxMessage = 250_000;

/**
 * Assembles the agent's messages from their chunks, and reports them line by line. If a program gives the model's
 * messages ids, a message without an id is a remark of the program itself.
 */
export class AgentMessage {
  #result = '';
  #hasIds = false;
  #text = '';
  /** Offset of the text that has not been reported. */
  #told = 0;
  #id = '';
  #isOver = true;

  /** The model's last message, complete or not. */
  get last(): string {
    return (this.#isRemark ? this.#result : this.#text).trim();
  }

  get #isRemark(): boolean {
    return this.#hasIds && this.#id === '';
  }

  /** @returns the lines that this chunk completes */
  chunk(update: Json): readonly string[] {
    const id = textOf(update.messageId);
    const before = this.#isOver || id !== this.#id ? this.finish() : [];
    if (this.#isOver) this.#begin(id);
    this.#text = startOf(this.#text + contentText(asJson(update.content)), maxMessage);
    const end = this.#text.lastIndexOf('\n');
    return end < this.#told ? before : [...before, ...this.#tell(end)];
  }

  /** Reports the held part of an incomplete line; the next chunk begins another message. */
  finish(): readonly string[] {
    this.#isOver = true;
    return this.#tell(this.#text.length);
  }

  #begin(id: string): void {
    this.#result = this.last;
    this.#hasIds ||= id !== '';
    this.#text = '';
    this.#told = 0;
    this.#id = id;
    this.#isOver = false;
  }

  #tell(until: number): readonly string[] {
    const text = this.#text.slice(this.#told, until).trim();
    this.#told = Math.max(this.#told, until);
    return text === '' ? [] : [text];
  }
}

/** The text of a content block, or its kind. */
export function contentText(content: Json): string {
  if (content.type === 'text') return textOf(content.text);
  if (content.type === 'resource_link') return textOf(content.uri);
  return content.type === undefined ? '' : `[${textOf(content.type)}]`;
}
