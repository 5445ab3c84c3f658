import { Agent, type IncomingHttpHeaders, request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

/** A request that is sent repeatedly. */
export interface Kind {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
  /** For a response that does not end by itself: whether the text so far suffices. Uses its own connection. */
  readonly isEnough?: (text: string) => boolean;
}

export interface Reply {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
}

export interface Answered {
  readonly kind: Kind;
  /** For each request, milliseconds until its whole response arrived. */
  readonly tookMs: readonly number[];
  readonly meanBytes: number;
}

/** A longer wait means a defect, not slowness. */
const patienceMs = 60_000;

/** @throws Error when there is no response */
export function send(port: number, kind: Kind, agent: Agent | false = false): Promise<Reply> {
  const { method, path, headers, body, isEnough } = kind;
  return new Promise((resolve, reject) => {
    const asked = request({
      host: '127.0.0.1',
      port,
      method,
      path,
      headers: { ...headers, ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }) },
      agent: isEnough === undefined ? agent : false,
    });
    asked.setTimeout(patienceMs, () => asked.destroy(new Error(`${kind.name} was not answered.`)));
    asked.once('error', reject);
    asked.once('response', (response) => {
      let text = '';
      const done = (): void => resolve({ status: response.statusCode ?? 0, headers: response.headers, text });
      response.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (isEnough?.(text) !== true) return;
        done();
        response.destroy();
      });
      response.once('error', reject).once('end', done);
    });
    asked.end(body);
  });
}

/**
 * Sends the kinds in turn at a fixed rate, without waiting for earlier responses.
 * @throws Error for an unsuccessful response
 */
export async function load(
  port: number,
  kinds: readonly Kind[],
  { perSecond, spanMs }: { readonly perSecond: number; readonly spanMs: number },
): Promise<readonly Answered[]> {
  const agent = new Agent({ keepAlive: true });
  const counted = kinds.map((kind) => ({ kind, tookMs: [] as number[], bytes: 0 }));
  const startedAt = performance.now();
  const count = Math.round((spanMs / 1_000) * perSecond);
  const sent: Promise<void>[] = [];
  for (let index = 0; index < count; index += 1) {
    const wait = startedAt + (index * 1_000) / perSecond - performance.now();
    if (wait > 0) await sleep(wait);
    const each = counted[index % counted.length] as (typeof counted)[number];
    const before = performance.now();
    sent.push(
      send(port, each.kind, agent).then(({ status, text }) => {
        if (status !== 200) throw new Error(`${each.kind.name} answered ${status}: ${text.slice(0, 500)}`);
        each.tookMs.push(performance.now() - before);
        each.bytes += text.length;
      }),
    );
  }
  try {
    await Promise.all(sent);
  } finally {
    agent.destroy();
  }
  return counted.map(({ kind, tookMs, bytes }) => ({ kind, tookMs, meanBytes: bytes / tookMs.length }));
}
