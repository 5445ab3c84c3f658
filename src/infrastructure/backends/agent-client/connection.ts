import { LineSplitter } from '../../../application/line-splitter.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';
import type { Journal } from './journal.ts';

/** A longer message is dropped. The limit allows for files and images. */
const maxMessageBytes = 32 * 2 ** 20;
const maxNoise = 4_000;
const methodNotFound = -32_601;

/** The program answered a request with an error. */
export class RequestFailed extends Error {
  readonly code: number | null;
  readonly data: unknown;

  constructor(error: Json) {
    super(textOf(error.message) || 'It gives no reason.');
    this.code = typeof error.code === 'number' ? error.code : null;
    this.data = error.data;
  }
}

interface Pending {
  resolve(result: Json): void;
  reject(error: RequestFailed): void;
}

interface ConnectionDeps {
  readonly journal: Journal;
  /** Writes a line to the program's stdin. */
  readonly write: (line: string) => void;
  /** The response to a request of the program; null if the method is unknown. A promise must not reject. */
  readonly answer: (method: string, params: Json, id: unknown) => object | null | Promise<object>;
  readonly notified: (method: string, params: Json) => void;
}

/**
 * JSON-RPC with an agent's program, one message per line. The official SDK answers a line that is not a message with an
 * error, and drops messages that do not match its schema; but programs print remarks and invent fields. So this logs
 * and ignores what it cannot parse, and reads only the fields that it needs.
 */
export class Connection {
  readonly #deps: ConnectionDeps;
  readonly #lines = new LineSplitter(maxMessageBytes, 'drop');
  readonly #decoder = new TextDecoder();
  readonly #pending = new Map<string, Pending>();
  #next = 1;
  #told = 0;
  /** Number of messages received. */
  received = 0;

  constructor(deps: ConnectionDeps) {
    this.#deps = deps;
  }

  /** @throws RequestFailed. Settles only with the program's response; the caller must limit the time. */
  request(method: string, params: object): Promise<Json> {
    const id = this.#next++;
    const answer = new Promise<Json>((resolve, reject) => {
      this.#pending.set(String(id), { resolve, reject });
    });
    this.#send({ jsonrpc: '2.0', id, method, params });
    return answer;
  }

  notify(method: string, params: object): void {
    this.#send({ jsonrpc: '2.0', method, params });
  }

  /** Takes the program's output. */
  push(chunk: Uint8Array): void {
    for (const line of this.#lines.push(chunk)) this.#line(this.#decoder.decode(line).trim());
    for (; this.#told < this.#lines.dropped; this.#told += 1) {
      this.#deps.journal.note('Skipped a message longer than 32 MiB.');
    }
  }

  /** The program's output has ended. */
  end(): void {
    for (const line of this.#lines.end()) this.#line(this.#decoder.decode(line).trim());
  }

  #line(text: string): void {
    if (text === '') return;
    let message: Json | null = null;
    try {
      message = messageOf(JSON.parse(text));
    } catch {
      // A remark, or a part of a message.
    }
    if (message === null) {
      this.#deps.journal.noise(startOf(text.toWellFormed(), maxNoise));
      return;
    }
    this.received += 1;
    const { id, method } = message;
    const params = asJson(message.params);
    // Log what an agent has said before what it does next.
    if (typeof method === 'string' && id === undefined) this.#deps.notified(method, params);
    this.#deps.journal.received(text);
    if (typeof method !== 'string') this.#settle(message);
    else if (id !== undefined) this.#answer(method, params, id);
  }

  #answer(method: string, params: Json, id: unknown): void {
    const send = (result: object): void => this.#send({ jsonrpc: '2.0', id, result });
    const answer = this.#deps.answer(method, params, id);
    const error = { code: methodNotFound, message: `MAOS does not answer ${method}.` };
    if (answer instanceof Promise) void answer.then(send);
    else if (answer === null) this.#send({ jsonrpc: '2.0', id, error });
    else send(answer);
  }

  #settle({ id, result, error }: Json): void {
    const key = String(id);
    const pending = this.#pending.get(key);
    if (pending === undefined) {
      this.#deps.journal.note(`Ignored an answer to no request (id ${startOf(key, 100)}).`);
      return;
    }
    this.#pending.delete(key);
    if (error === undefined || error === null) pending.resolve(asJson(result));
    else pending.reject(new RequestFailed(asJson(error)));
  }

  #send(message: object): void {
    const text = JSON.stringify(message);
    this.#deps.journal.sent(text);
    this.#deps.write(`${text}\n`);
  }
}

/** Null if it is JSON, but not a message. */
function messageOf(value: unknown): Json | null {
  const message = asJson(value);
  const isAnswer = message.id !== undefined && ('result' in message || 'error' in message);
  return !Array.isArray(value) && (typeof message.method === 'string' || isAnswer) ? message : null;
}
