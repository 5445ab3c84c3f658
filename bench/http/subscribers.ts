import { request } from 'node:http';
import type { FromSubscribers, ToSubscribers } from './follow.ts';

/** Many subscribers of `/events` in a separate process, so that their work does not count as latency of the others. */

interface Stream {
  /** Positions of the snapshot and of the last received event. */
  start: number;
  last: number;
}

let lost = 0;
let repeated = 0;
let bytes = 0;
let ended = 0;
/** By position: when the event happened, how many subscribers have it, and when the last of them received it. */
const heard = new Map<number, { readonly at: number; count: number; lastAt: number }>();
const streams: Stream[] = [];
let checkEnd = (): void => {};

const tell = (message: FromSubscribers): unknown => process.send?.(message);

process.on('message', (message: ToSubscribers) => {
  if (message.is === 'open') void open(message).then(() => tell({ is: 'open', start: smallestStart() }));
  else awaitPosition(message);
});

function smallestStart(): number {
  return Math.min(...streams.map(({ start }) => start));
}

async function open({ port, token, count }: ToSubscribers & { is: 'open' }): Promise<void> {
  for (let index = 0; index < count; index += 1) streams.push(await follow(port, token));
}

/** @returns the stream once it has its snapshot */
function follow(port: number, token: string): Promise<Stream> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const asked = request({ host: '127.0.0.1', port, path: '/events', headers, agent: false });
    asked.once('error', reject);
    asked.once('response', (response) => {
      if (response.statusCode !== 200) {
        reject(new Error(`/events answered ${response.statusCode}.`));
        return;
      }
      const stream: Stream = { start: -1, last: -1 };
      let rest = '';
      response.setEncoding('utf8').on('data', (chunk: string) => {
        const now = performance.timeOrigin + performance.now();
        const blocks = (rest + chunk).split('\n\n');
        rest = blocks.pop() ?? '';
        for (const block of blocks) {
          if (!block.startsWith('id: ')) continue;
          if (stream.start < 0) {
            stream.start = stream.last = positionOf(block);
            resolve(stream);
          } else take(stream, block, now);
        }
        checkEnd();
      });
      response.once('error', () => {});
      response.once('close', () => {
        ended += 1;
        checkEnd();
      });
    });
    asked.end();
  });
}

function positionOf(block: string): number {
  const id = block.slice(4, block.indexOf('\n'));
  return Number(id.slice(id.lastIndexOf('-') + 1));
}

function take(stream: Stream, block: string, now: number): void {
  const position = positionOf(block);
  bytes += block.length + 2;
  if (position <= stream.last) repeated += 1;
  else {
    lost += position - stream.last - 1;
    stream.last = position;
  }
  const known = heard.get(position);
  if (known === undefined) heard.set(position, { at: timeOf(block), count: 1, lastAt: now });
  else {
    known.count += 1;
    known.lastAt = now;
  }
}

function timeOf(block: string): number {
  return Date.parse(/"at":"([^"]+)"/.exec(block)?.[1] ?? '');
}

/** Reports the result once every stream has the events up to the position, or has ended. */
function awaitPosition({ position, from, to }: ToSubscribers & { is: 'until' }): void {
  checkEnd = () => {
    if (ended === 0 && streams.some(({ last }) => last < position)) return;
    checkEnd = () => {};
    for (const { last } of streams) lost += Math.max(0, position - last);
    const all = [...heard.values()].filter(({ at }) => at >= from && at < to);
    tell({
      is: 'heard',
      lost,
      repeated,
      ended,
      events: heard.size,
      meanBytes:
        bytes /
        Math.max(
          1,
          [...heard.values()].reduce((sum, { count }) => sum + count, 0),
        ),
      late: all.filter(({ count }) => count === streams.length).map(({ at, lastAt }) => lastAt - at),
    });
  };
  checkEnd();
}
