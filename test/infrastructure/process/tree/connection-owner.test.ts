import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import {
  listenerOwner,
  otherEndOwner,
} from '../../../../src/infrastructure/process/tree/connection-owner.ts';

const nobody = 65_534;

async function listening(t: TestContext, host: string): Promise<{ server: Server; port: number }> {
  const server = createServer().listen(0, host);
  t.after(() => server.close());
  await new Promise((resolve) => server.once('listening', resolve));
  return { server, port: (server.address() as { port: number }).port };
}

/** The server's end of a connection that is made meanwhile. */
function accepted(t: TestContext, server: Server): Promise<Socket> {
  return new Promise((resolve) => {
    server.once('connection', (socket) => {
      t.after(() => socket.destroy());
      socket.on('error', () => {});
      resolve(socket);
    });
  });
}

describe('the owner of the other end of a connection', { skip: process.platform !== 'linux' }, () => {
  for (const [host, address] of [
    ['127.0.0.1', '127.0.0.1'],
    ['::1', '::1'],
    ['::', '127.0.0.1'],
    ['127.0.0.1', '::ffff:127.0.0.1'],
  ] as const) {
    it(`is found, from both ends: ${address} to a server on ${host}`, async (t) => {
      const { server, port } = await listening(t, host);
      const other = accepted(t, server);
      const client = connect(port, address);
      t.after(() => client.destroy());
      const [socket] = await Promise.all([other, new Promise((resolve) => client.once('connect', resolve))]);
      const own = process.getuid?.();
      assert.equal(listenerOwner(host, port), own);
      assert.deepEqual([otherEndOwner(socket), otherEndOwner(client)], [own, own]);
    });
  }

  it('is another user', { skip: process.getuid?.() !== 0 && 'without the rights of root' }, async (t) => {
    const { server, port } = await listening(t, '127.0.0.1');
    const other = accepted(t, server);
    const line = `exec 3<>/dev/tcp/127.0.0.1/${port}; read -r <&3`;
    const child = spawn('/bin/bash', ['-c', line], { cwd: '/', uid: nobody, stdio: 'ignore' });
    t.after(() => child.kill('SIGKILL'));
    const socket = await other;
    assert.equal(otherEndOwner(socket), nobody);
    const ends = { localAddress: '127.0.0.1', localPort: port, remoteAddress: '127.0.0.1' } as const;
    const connection = { ...ends, remotePort: socket.remotePort };
    child.kill('SIGKILL');
    await new Promise((resolve) => child.once('exit', resolve));
    assert.notEqual(otherEndOwner(connection), process.getuid?.(), "an end that is closed is nobody's");
  });

  it('is unknown for what is no connection of this machine', () => {
    assert.equal(listenerOwner('127.0.0.1', 1), null);
    for (const remoteAddress of ['192.0.2.1', '2001:db8::1', '', undefined, 'x']) {
      const connection = { localAddress: '127.0.0.1', localPort: 4711, remoteAddress, remotePort: 40_000 };
      assert.equal(otherEndOwner(connection), null);
    }
    assert.equal(otherEndOwner({}), null);
  });
});
