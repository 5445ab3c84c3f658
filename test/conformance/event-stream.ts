import type { ServerResponse } from 'node:http';

/**
 * Server-sent events of one stream. They are kept: a stream may be written to before a client opens it, and read again
 * from where a connection broke off. The first event is empty and tells the client its place, and how soon to come back.
 */
export class EventStream {
  readonly id: string;
  readonly #events: string[] = [];
  #response: ServerResponse | null = null;
  #ended = false;

  constructor(id: string) {
    this.id = id;
    this.#add('retry: 500\ndata: \n\n');
  }

  send(message: object): void {
    this.#add(`data: ${JSON.stringify(message)}\n\n`);
  }

  end(): void {
    this.#ended = true;
    this.#response?.end();
    this.#response = null;
  }

  /** From here on the client reads it there, and no longer where it did before. @param seen events it has already */
  attach(response: ServerResponse, seen = 0): void {
    this.#response?.end();
    this.#response = this.#ended ? null : response;
    response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
    for (const event of this.#events.slice(seen)) response.write(event);
    if (this.#ended) response.end();
  }

  #add(text: string): void {
    const event = `id: ${this.id}:${this.#events.length + 1}\n${text}`;
    this.#events.push(event);
    this.#response?.write(event);
  }
}
