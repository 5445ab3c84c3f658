import type { Readable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { LineSplitter } from '../../../application/line-splitter.ts';
import { type Complaint, checkMessage, notJson } from './json-rpc.ts';
import type { MessageTrace } from './trace.ts';

/** A longer line is refused and skipped; the SDK's own transport has the same limit. */
export const longestLineBytes = 10 * 1024 * 1024;

/**
 * Once so many characters wait for the client to read them, nothing more is read from it. Enough for a client that
 * writes many requests before it begins to read.
 */
const mostUnread = 4 * 1024 * 1024;

/** Leaves out a byte order mark, and makes U+FFFD of what is no UTF-8. */
const utf8 = new TextDecoder();

export interface StdioTransportOptions {
  /** What the client sends, one JSON text a line; read from the beginning on. */
  readonly input: Readable;
  /** Sends a text to the client. @param done is called when it is out, or never will be */
  readonly write: (text: string, done: () => void) => void;
  /** Answers the first messages before the SDK is there: see `answerEarly`. */
  readonly answerEarly: (message: JSONRPCMessage) => JSONRPCMessage | null;
  readonly trace: MessageTrace | null;
  /** Is told of every line that is no message; whether it got an answer or not. */
  readonly onComplaint: (complaint: Complaint) => void;
  /** Is told when the input has ended and every line of it was handled. */
  readonly onEnd: () => void;
}

/**
 * MCP over lines of JSON, as the SDK's own transport, but: it answers the beginning before the SDK is loaded, it tells
 * the sender what was wrong with a line, a line without end costs neither the connection nor memory, and it does not
 * read while the client does not.
 *
 * It reads until the first message for the SDK and waits with it for `start`, and, when that message was answered
 * early, with all others until the SDK has given its own answer, which goes nowhere.
 */
export class StdioTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onerror?: Transport['onerror'];
  onclose?: Transport['onclose'];
  /** There is a message for the SDK. */
  readonly begun: Promise<void>;
  readonly #options: StdioTransportOptions;
  readonly #splitter = new LineSplitter(longestLineBytes, 'drop');
  readonly #begin: () => void;
  /** Lines not handled yet, in their order, and how many of them are. */
  #lines: readonly Uint8Array[] = [];
  #handled = 0;
  #state: 'beginning' | 'waiting' | 'open' | 'closed' = 'beginning';
  #first: JSONRPCMessage | null = null;
  /** Id of the first message, when it was answered early. */
  #answered: RequestId | null = null;
  #unread = 0;
  #ended = false;

  constructor(options: StdioTransportOptions) {
    this.#options = options;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.begun = promise;
    this.#begin = resolve;
    options.input.on('data', this.#read);
    options.input.once('end', this.#end);
    options.input.once('error', this.#end);
    options.input.once('close', this.#end);
  }

  async start(): Promise<void> {
    if (this.#answered === null) this.#state = 'open';
    if (this.#first !== null) this.#deliver(this.#first);
    this.#first = null;
    this.#goOn();
  }

  /** Settles when the message has left, so that senders can keep pace with a slow client. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#state === 'waiting' && !('method' in message) && message.id === this.#answered) {
      this.#state = 'open';
      this.#goOn();
      return;
    }
    const text = JSON.stringify(message);
    this.#options.trace?.sent(text, message);
    this.#unread += text.length;
    await new Promise<void>((resolve) => {
      this.#options.write(`${text}\n`, resolve);
    });
    const wasFull = this.#unread >= mostUnread;
    this.#unread -= text.length;
    if (wasFull) this.#goOn();
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return;
    this.#state = 'closed';
    const { input } = this.#options;
    input.off('data', this.#read);
    input.pause();
    this.onclose?.();
  }

  readonly #read = (chunk: Buffer): void => {
    const dropped = this.#splitter.dropped;
    const lines = this.#splitter.push(chunk);
    for (let count = dropped; count < this.#splitter.dropped; count += 1) {
      this.#complain(notJson(`the line is longer than ${longestLineBytes} bytes and was skipped`));
    }
    this.#lines = [...this.#lines.slice(this.#handled), ...lines];
    this.#handled = 0;
    this.#goOn();
  };

  /** Something went wrong with the input or it is over: there will be no more of it. */
  readonly #end = (): void => {
    if (this.#ended) return;
    this.#ended = true;
    this.#lines = [...this.#lines.slice(this.#handled), ...this.#splitter.end()];
    this.#handled = 0;
    this.#goOn();
  };

  get #mayGoOn(): boolean {
    return (this.#state === 'beginning' || this.#state === 'open') && this.#unread < mostUnread;
  }

  #goOn(): void {
    while (this.#mayGoOn && this.#handled < this.#lines.length) {
      const line = this.#lines[this.#handled] as Uint8Array;
      this.#handled += 1;
      this.#take(line);
    }
    if (!this.#mayGoOn) this.#options.input.pause();
    else if (this.#ended) this.#options.onEnd();
    else this.#options.input.resume();
  }

  #take(line: Uint8Array): void {
    const text = utf8.decode(line);
    if (!/\S/.test(text)) return;
    let value: unknown;
    try {
      value = JSON.parse(text);
    } catch {
      this.#options.trace?.received(text);
      this.#complain(notJson('the line is not JSON'));
      return;
    }
    this.#options.trace?.received(text, value);
    const checked = checkMessage(value);
    if ('complaint' in checked) this.#complain(checked.complaint);
    else if (this.#state === 'beginning') this.#greet(checked.message);
    else this.#deliver(checked.message);
  }

  #greet(message: JSONRPCMessage): void {
    const answer = this.#options.answerEarly(message);
    if (answer !== null) void this.send(answer);
    if (answer !== null && 'error' in answer) return;
    this.#state = 'waiting';
    this.#first = message;
    this.#answered = answer !== null && 'id' in answer ? (answer.id ?? null) : null;
    this.#begin();
  }

  #deliver(message: JSONRPCMessage): void {
    try {
      this.onmessage?.(message);
    } catch (error) {
      this.onerror?.(error instanceof Error ? error : new Error(String(error)));
    }
  }

  #complain(complaint: Complaint): void {
    this.#options.onComplaint(complaint);
    if (complaint.answer !== null) void this.send(complaint.answer);
  }
}
