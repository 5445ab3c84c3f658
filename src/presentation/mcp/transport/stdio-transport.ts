import type { Readable } from 'node:stream';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import type { JSONRPCMessage, RequestId } from '@modelcontextprotocol/sdk/types.js';
import { LineSplitter } from '../../../application/line-splitter.ts';
import { type Complaint, checkMessage, notJson } from './json-rpc.ts';
import type { MessageTrace } from './trace.ts';

/** A longer line is refused and skipped, as in the SDK's own transport. */
export const longestLineBytes = 10 * 1024 * 1024;

/**
 * Stops reading while this many characters wait for the client. Enough for clients that write many requests before they
 * read.
 */
const mostUnread = 4 * 1024 * 1024;

/** JSON allows them in texts, but readers such as Node's `readline` and Python's `splitlines` take them for line ends. */
const otherLineEnds = /[\u0085\u2028\u2029]/g;

function asEscape(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}

/** Removes a byte order mark, and decodes invalid UTF-8 as U+FFFD. */
const utf8 = new TextDecoder();

export interface StdioTransportOptions {
  /** What the client sends: one JSON text per line; read from its beginning. */
  readonly input: Readable;
  /** Sends a text to the client. @param done called when it is sent, or never can be */
  readonly write: (text: string, done: () => void) => void;
  /** Answers the first messages before the SDK is loaded: see `answerEarly`. */
  readonly answerEarly: (message: JSONRPCMessage) => JSONRPCMessage | null;
  /** Takes what is not for the SDK. @returns whether it did */
  readonly takeModern: (message: JSONRPCMessage) => boolean;
  readonly trace: MessageTrace | null;
  /** Receives every line that is not a valid message, whether it got a response or not. */
  readonly onComplaint: (complaint: Complaint) => void;
  /** Called when the input has ended and all its lines are handled. */
  readonly onEnd: () => void;
}

/**
 * MCP over lines of JSON, like the SDK's own transport, with these differences: it answers the first messages before
 * the SDK is loaded, it tells the sender what is wrong with a line, a line without end costs neither the connection nor
 * memory, and it does not read while the client does not.
 *
 * It holds the first message for the SDK until `start`. If that message was answered early, it holds all others until
 * the SDK has given its own response, which is discarded.
 */
export class StdioTransport implements Transport {
  onmessage?: Transport['onmessage'];
  onerror?: Transport['onerror'];
  onclose?: Transport['onclose'];
  /** Settles when there is a message for the SDK. */
  readonly begun: Promise<void>;
  readonly #options: StdioTransportOptions;
  readonly #splitter = new LineSplitter(longestLineBytes, 'drop');
  readonly #begin: () => void;
  /** Lines received, and how many of them are handled. */
  #lines: readonly Uint8Array[] = [];
  #handled = 0;
  #state: 'beginning' | 'waiting' | 'open' | 'closed' = 'beginning';
  #first: JSONRPCMessage | null = null;
  /** Id of the first message if it was answered early. */
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

  /** Sends a message of the SDK. Settles when it is sent, so that senders can adapt to a slow client. */
  async send(message: JSONRPCMessage): Promise<void> {
    if (this.#state === 'waiting' && !('method' in message) && message.id === this.#answered) {
      this.#state = 'open';
      this.#goOn();
      return;
    }
    await this.write(message);
  }

  /** As {@link send}, for messages that are not the SDK's. */
  async write(message: JSONRPCMessage): Promise<void> {
    const text = JSON.stringify(message).replaceAll(otherLineEnds, asEscape);
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

  /** The input has ended or failed. */
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
    else if (this.#options.takeModern(checked.message)) return;
    else if (this.#state === 'beginning') this.#greet(checked.message);
    else this.#deliver(checked.message);
  }

  #greet(message: JSONRPCMessage): void {
    // There is nothing to cancel yet.
    if ('method' in message && message.method === 'notifications/cancelled') return;
    const answer = this.#options.answerEarly(message);
    if (answer !== null) void this.write(answer);
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
    if (complaint.answer !== null) void this.write(complaint.answer);
  }
}
