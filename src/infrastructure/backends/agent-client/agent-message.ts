import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';

/** Characters of a message that are kept; what comes after is in the log. */
const maxMessage = 250_000;

/**
 * What the agent says, put together from the pieces it comes in; told a line at a time. Where a program gives the model's
 * messages ids, one without an id is a remark of its own.
 */
export class AgentMessage {
  #result = '';
  #hasIds = false;
  #text = '';
  /** From where on it has not been told. */
  #told = 0;
  #id = '';
  #isOver = true;

  /** The model's last message, whether or not it has ended. */
  get last(): string {
    return (this.#isRemark ? this.#result : this.#text).trim();
  }

  get #isRemark(): boolean {
    return this.#hasIds && this.#id === '';
  }

  /** @returns the lines that end with this piece */
  chunk(update: Json): readonly string[] {
    const id = textOf(update.messageId);
    const before = this.#isOver || id !== this.#id ? this.finish() : [];
    if (this.#isOver) this.#begin(id);
    this.#text = startOf(this.#text + contentText(asJson(update.content)), maxMessage);
    const end = this.#text.lastIndexOf('\n');
    return end < this.#told ? before : [...before, ...this.#tell(end)];
  }

  /** What was held back of an unfinished line: what comes next is another message. */
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

/** Of a content block: its text, or what else it is. */
export function contentText(content: Json): string {
  if (content.type === 'text') return textOf(content.text);
  if (content.type === 'resource_link') return textOf(content.uri);
  return content.type === undefined ? '' : `[${textOf(content.type)}]`;
}
