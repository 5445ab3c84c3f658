import { type IncomingMessage, request } from 'node:http';

/** A subscriber of `/events` that records everything it receives. */

export interface Heard {
  readonly id: string;
  readonly type: string;
  readonly data: Readonly<Record<string, unknown>>;
}

export interface EventClient {
  readonly status: number;
  readonly headers: Readonly<Record<string, unknown>>;
  /** Comments so far. */
  readonly comments: readonly string[];
  /** The next event; null at the end of the stream, or of the connection. */
  next(): Promise<Heard | null>;
  /** The events up to the first for which it is true, including that one. Throws if the stream ends before. */
  until(isLast: (heard: Heard) => boolean): Promise<readonly Heard[]>;
  /** Cuts the connection. */
  drop(): void;
}

export interface Place {
  readonly port: number;
  readonly token: string;
}

export function getText(
  { port, token }: Place,
  path: string,
  headers: Record<string, string> = {},
  method = 'GET',
): Promise<{ status: number; headers: IncomingMessage['headers']; text: string }> {
  return new Promise((resolve, reject) => {
    request({
      host: '127.0.0.1',
      port,
      path,
      method,
      headers: { authorization: `Bearer ${token}`, ...headers },
    })
      .once('response', async (response) => {
        let text = '';
        for await (const chunk of response.setEncoding('utf8')) text += chunk;
        resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      })
      .once('error', reject)
      .end();
  });
}

export function listen(
  { port, token }: Place,
  path: string,
  lastSeen: string | null = null,
): Promise<EventClient> {
  const headers = {
    authorization: `Bearer ${token}`,
    ...(lastSeen === null ? {} : { 'last-event-id': lastSeen }),
  };
  return new Promise((resolve, reject) => {
    const asked = request({ host: '127.0.0.1', port, path, headers, agent: false });
    asked.once('response', (response) => resolve(clientOf(response)));
    asked.once('error', reject);
    asked.end();
  });
}

function clientOf(response: IncomingMessage): EventClient {
  const comments: string[] = [];
  const blocks = heardIn(response, comments);
  const client: EventClient = {
    status: response.statusCode ?? 0,
    headers: response.headers,
    comments,
    async next() {
      const { value, done } = await blocks.next();
      return done === true ? null : value;
    },
    async until(isLast) {
      const all: Heard[] = [];
      for (;;) {
        const heard = await client.next();
        if (heard === null) throw new Error(`The stream ended after ${JSON.stringify(all.at(-1))}.`);
        all.push(heard);
        if (isLast(heard)) return all;
      }
    },
    drop: () => response.destroy(),
  };
  return client;
}

async function* heardIn(response: IncomingMessage, comments: string[]): AsyncGenerator<Heard, void> {
  let text = '';
  try {
    for await (const chunk of response.setEncoding('utf8')) {
      text += chunk;
      const blocks = text.split('\n\n');
      text = blocks.pop() ?? '';
      for (const block of blocks) {
        const heard = heardFrom(block, comments);
        if (heard !== null) yield heard;
      }
    }
  } catch (error) {
    // The server or this client cut the connection; the complete events were returned.
    if (!['ECONNRESET', 'ERR_STREAM_PREMATURE_CLOSE'].includes(String((error as { code?: string }).code)))
      throw error;
  }
}

/** Parses a block by the standard's rules, as far as MAOS uses them. Null for a block without data. */
export function heardFrom(block: string, comments: string[] = []): Heard | null {
  const fields = new Map<string, string>();
  for (const line of block.split('\n')) {
    if (line.startsWith(':')) {
      comments.push(line.slice(1).trim());
      continue;
    }
    const [, name = '', value = ''] = /^(id|event|data|retry): (.*)$/.exec(line) ?? [];
    if (name === '' || fields.has(name)) throw new Error(`Not a line of this stream: ${line.slice(0, 200)}`);
    fields.set(name, value);
  }
  const data = fields.get('data');
  if (data === undefined) return null;
  return { id: fields.get('id') ?? '', type: fields.get('event') ?? '', data: JSON.parse(data) };
}
