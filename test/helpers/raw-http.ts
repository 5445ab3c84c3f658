import { connect } from 'node:net';

/** A request as bytes, for what no HTTP client would send. */
export interface RawRequest {
  /** Request line, headers and the empty line after them. */
  readonly head: Uint8Array;
  readonly body: Uint8Array;
  /**
   * `half`: half of the body, then the connection is closed; `cut`: the same after all of it. `expect`: the body only
   * when the server asks for it.
   */
  readonly send: 'whole' | 'half' | 'cut' | 'expect';
}

export interface RawAnswer {
  /** 0: the connection was closed without an answer. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  /** Of a stream of events, what came before it was left. */
  readonly body: Buffer;
}

/** For so long a stream of events may say nothing before it is left. */
const quietMs = 100;

/**
 * One request on a connection of its own, up to the end of its answer; a stream of events is left after the first event
 * that has data, or when it says nothing.
 * @throws when there is no end of it within `limitMs`
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
    // A server that refuses need not read all.
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

/** Without a length it ends with the connection. */
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

/** The events of a stream that are whole and have data (HTML, server-sent events, 9.2.6). */
export function eventsIn(text: string): readonly SentEvent[] {
  const blocks = text.split('\n\n').slice(0, -1);
  const events = blocks.map((block) => ({
    type: /^event: ?(.*)$/m.exec(block)?.[1] ?? 'message',
    data: [...block.matchAll(/^data: ?(.*)$/gm)].map(([, line]) => line).join('\n'),
  }));
  return events.filter(({ data }) => data !== '');
}
