import type { ServerResponse } from 'node:http';

/**
 * The server-sent events of one stream. They are stored, so that they can be written before a client opens the stream,
 * and read again after a broken connection. The first event is empty, and gives the client its position and the delay
 * before a reconnection.
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

  /**
   * From now on, sends events to this response instead of an earlier one. @param seen number of events that the client
   * already has
   */
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
