import { connect } from 'node:net';

/** A request as bytes, for requests that no HTTP client would send. */
export interface RawRequest {
  /** Request line, headers and the empty line after them. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /**
   * `half`: sends half of the body, then closes the connection; `cut`: closes it after the whole body. `expect`: sends
   * the body only when the server asks for it.
   */
  readonly send: 'whole' | 'half' | 'cut' | 'expect';
}

export interface RawAnswer {
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** For an event stream, what arrived before the client left. */
  readonly body: Buffer;
}

/** The client leaves an event stream that sends nothing for this long. */
const quietMs = 100;

/**
 * Sends one request on its own connection, and reads the response to its end. Leaves an event stream after the first
 * event with data, or when it sends nothing.
 * @throws when the response does not end within `limitMs`
 */
export function exchange(port: number, request: RawRequest, limitMs: number): Promise<RawAnswer> {
  const { head, body, send } = request;
  return new Promise((resolve, reject) => {
    const isHead = Buffer.from(head.subarray(0, 5)).toString() === 'HEAD ';
    const socket = connect(port, '127.0.0.1');
    let received: Buffer = Buffer.alloc(0);
    let isBodyDue = send === 'expect';
    let quiet: NodeJS.Timeout | undefined;
    const limit = setTimeout(() => {
      reject(
        new Error(`No end of an answer within ${limitMs} ms; so far: ${received.toString('latin1', 0, 500)}`),
      );
      socket.destroy();
    }, limitMs);
    socket.on('data', (chunk: Buffer) => {
      received = Buffer.concat([received, chunk]);
      if (isBodyDue && /^HTTP\/1\.1 100 /.test(received.toString('latin1', 0, 13))) {
        isBodyDue = false;
        socket.write(body);
      }
      const { answer, isWhole } = parse(received, isHead);
      if (isWhole) socket.destroy();
      clearTimeout(quiet);
      if (isStream(answer)) quiet = setTimeout(() => socket.destroy(), quietMs);
    });
    // A server that rejects a request need not read all of it.
    socket.on('error', () => {});
    socket.once('close', () => {
      clearTimeout(limit);
      clearTimeout(quiet);
      resolve(parse(received, isHead).answer);
    });
    socket.write(head);
    if (send === 'whole') socket.write(body);
    if (send === 'half' || send === 'cut') {
      socket.write(send === 'cut' ? body : body.subarray(0, body.length / 2), () => socket.destroy());
    }
  });
}

const nothing: RawAnswer = { status: 0, headers: new Map(), body: Buffer.alloc(0) };

function parse(bytes: Buffer, isHead: boolean): { readonly answer: RawAnswer; readonly isWhole: boolean } {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) return { answer: nothing, isWhole: false };
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(first)?.[1] ?? 0);
  const rest = bytes.subarray(end + 4);
  if (status === 100) return parse(rest, isHead);
  const headers = new Map(
    lines.map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
    }),
  );
  const { body, isWhole } = bodyOf(rest, status, headers, isHead);
  const answer = { status, headers, body };
  return { answer, isWhole: isWhole || (isStream(answer) && eventsIn(body.toString()).length > 0) };
}

/** Without a length, it ends with the connection. */
function bodyOf(rest: Buffer, status: number, headers: ReadonlyMap<string, string>, isHead: boolean) {
  if (isHead || status === 204) return { body: rest, isWhole: true };
  const length = headers.get('content-length');
  if (length !== undefined) {
    return { body: rest.subarray(0, Number(length)), isWhole: rest.length >= Number(length) };
  }
  if (headers.get('transfer-encoding') !== 'chunked') return { body: rest, isWhole: false };
  const chunks: Buffer[] = [];
  for (let at = 0; ; ) {
    const lineEnd = rest.indexOf('\r\n', at);
    const size = lineEnd < 0 ? Number.NaN : Number.parseInt(rest.toString('latin1', at, lineEnd), 16);
    const isWhole = size === 0;
    if (isWhole || !(rest.length >= lineEnd + 2 + size)) return { body: Buffer.concat(chunks), isWhole };
    chunks.push(rest.subarray(lineEnd + 2, lineEnd + 2 + size));
    at = lineEnd + 2 + size + 2;
  }
}

export function isStream({ headers }: RawAnswer): boolean {
  return headers.get('content-type') === 'text/event-stream';
}

interface SentEvent {
  readonly type: string;
  readonly data: string;
}

/** The stream's complete events with data (HTML, server-sent events, 9.2.6). */
export function eventsIn(text: string): readonly SentEvent[] {
  const blocks = text.split('\n\n').slice(0, -1);
  const events = blocks.map((block) => ({
    type: /^event: ?(.*)$/m.exec(block)?.[1] ?? 'message',
    data: [...block.matchAll(/^data: ?(.*)$/gm)].map(([, line]) => line).join('\n'),
  }));
  return events.filter(({ data }) => data !== '');
}
