import assert from 'node:assert/strict';
import type { Server } from 'node:http';
import { type AddressInfo, connect } from 'node:net';
import { describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { createAdaptorServer } from '@hono/node-server';
import { OutgoingStream } from '../../../../src/presentation/http/server/outgoing-stream.ts';

function make(
  limits: { mostUnreadBytes?: number; after?: (ms: number, fire: () => void) => () => void } = {},
) {
  const seen = { cuts: 0, ends: 0 };
  const stream = new OutgoingStream({
    mostUnreadBytes: 1_000,
    stallMs: 60_000,
    after: () => () => {},
    cut: () => {
      seen.cuts += 1;
    },
    onEnd: () => {
      seen.ends += 1;
    },
    ...limits,
  });
  return { stream, seen };
}

describe('an outgoing stream', () => {
  it('gives what was written, also what came before its end', async () => {
    const { stream, seen } = make();
    stream.write(Buffer.from('one '));
    stream.write(Buffer.from('two '));
    stream.end();
    stream.write(Buffer.from('three'));
    assert.equal(await new Response(stream.body).text(), 'one two ');
    assert.deepEqual(seen, { cuts: 0, ends: 1 });
  });

  it('has ended when its reader goes', async () => {
    const { stream, seen } = make();
    await stream.body.cancel();
    stream.write(Buffer.from('one'));
    stream.end();
    assert.deepEqual(seen, { cuts: 0, ends: 1 });
  });

  it('takes one message of any size, and is cut when more comes before it is read', () => {
    const { stream, seen } = make();
    stream.write(Buffer.alloc(10_000));
    assert.equal(seen.cuts, 0);
    stream.write(Buffer.from('x'));
    stream.write(Buffer.from('x'));
    assert.deepEqual(seen, { cuts: 1, ends: 1 });
  });

  it('is cut when what it gave is not taken in time', async () => {
    const timers = new Set<() => void>();
    const { stream, seen } = make({
      after: (_, fire) => {
        timers.add(fire);
        return () => timers.delete(fire);
      },
    });
    const reader = stream.body.getReader();
    stream.write(Buffer.from('one'));
    await reader.read();
    assert.equal(timers.size, 1);
    const next = reader.read();
    await turn();
    assert.equal(timers.size, 0, 'who asks for more has taken it');
    stream.write(Buffer.from('two'));
    await next;
    for (const fire of timers) fire();
    assert.deepEqual(seen, { cuts: 1, ends: 1 });
  });

  it('holds no memory for a client that does not read', async () => {
    const cut = Promise.withResolvers<void>();
    let isCut = false;
    const begun = Promise.withResolvers<OutgoingStream>();
    const server = createAdaptorServer({
      fetch: (_, { outgoing }) => {
        const stream = new OutgoingStream({
          mostUnreadBytes: 1024 * 1024,
          stallMs: 60_000,
          after: () => () => {},
          cut: () => outgoing.destroy(),
          onEnd: () => {
            isCut = true;
            cut.resolve();
          },
        });
        begun.resolve(stream);
        return new Response(stream.body, { headers: { 'content-type': 'text/event-stream' } });
      },
    }) as Server;
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').pause();
    socket.write('GET / HTTP/1.1\r\nHost: localhost\r\n\r\n');
    const stream = await begun.promise;
    const closed = new Promise((resolve) => {
      server.once('close', resolve);
    });
    while (!isCut) {
      stream.write(Buffer.alloc(64 * 1024, 'x'));
      await turn();
    }
    await cut.promise;
    // The connection is gone: the server can close while the client still holds its end.
    server.close();
    await closed;
    socket.destroy();
  });
});
