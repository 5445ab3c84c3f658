import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { isSettled } from '../../src/presentation/http/acp/run-source.ts';
import type { AcpEvent, Run } from '../../src/presentation/http/acp/schemas.ts';
import { lineFrom } from '../presentation/cli/maos-process.ts';
import { until } from './waiting.ts';

/** The address that a `maos serve --http` reports. */
export async function addressOf({ stderr }: ChildProcess): Promise<string> {
  const line = await lineFrom(stderr as NodeJS.ReadableStream, /is listening on http:\S+ /);
  return /(http:\S+) /.exec(line)?.[1] ?? assert.fail(line);
}

/** Sends requests with the token to a running server, without the SDK's client. */
export class AcpCaller {
  readonly #url: string;
  readonly #headers: Readonly<Record<string, string>>;

  constructor(url: string, token: string) {
    this.#url = url;
    this.#headers = { authorization: `Bearer ${token}` };
  }

  /** The response, which may be an error. */
  ask(path: string, body?: unknown): Promise<Response> {
    const post = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return fetch(`${this.#url}/acp${path}`, { headers: this.#headers, ...post });
  }

  /** The body of a successful response. */
  async json<T>(path: string, body?: unknown): Promise<T> {
    const response = await this.ask(path, body);
    const text = await response.text();
    assert.ok(response.ok, `${path}: ${response.status} ${text}`);
    return JSON.parse(text) as T;
  }

  /** A run's events as they arrive. */
  async stream(path: string, body: unknown): Promise<EventReader> {
    const response = await this.ask(path, body);
    assert.equal(response.status, 200);
    return new EventReader(response);
  }

  async events(id: string): Promise<readonly AcpEvent[]> {
    return (await this.json<{ events: readonly AcpEvent[] }>(`/runs/${id}/events`)).events;
  }

  /** Polls until the run has settled. */
  async settled(id: string): Promise<Run> {
    return until(async () => {
      const run = await this.json<Run>(`/runs/${id}`);
      return isSettled(run.status) ? run : null;
    }, `the end of ${id}`);
  }
}

/** The events of a stream so far. */
export class EventReader {
  readonly seen: AcpEvent[] = [];
  readonly runId: string;
  readonly #frames: AsyncGenerator<AcpEvent>;

  constructor(response: Response) {
    this.runId = response.headers.get('run-id') ?? assert.fail('no Run-ID');
    this.#frames = framesOf(response.body ?? assert.fail('no body'));
  }

  async until(isIt: (event: AcpEvent) => boolean): Promise<void> {
    for (;;) {
      const { value, done } = await this.#frames.next();
      if (done === true) assert.fail(`ended after ${JSON.stringify(this.seen)}`);
      this.seen.push(value);
      if (isIt(value)) return;
    }
  }

  /** Reads to the end of the stream, even if it breaks. */
  async rest(): Promise<readonly AcpEvent[]> {
    try {
      for await (const event of this.#frames) this.seen.push(event);
    } catch (error) {
      // The server was killed.
      assert.ok(error instanceof TypeError, String(error));
    }
    return this.seen;
  }
}

async function* framesOf(body: ReadableStream<Uint8Array>): AsyncGenerator<AcpEvent> {
  const decoder = new TextDecoder();
  let text = '';
  for await (const chunk of body) {
    const frames = (text + decoder.decode(chunk, { stream: true })).split('\n\n');
    text = frames.pop() ?? '';
    for (const frame of frames) {
      if (frame.startsWith('data: ')) yield JSON.parse(frame.slice('data: '.length)) as AcpEvent;
    }
  }
}
