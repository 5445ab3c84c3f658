import { once } from 'node:events';
import { createServer, type Server } from 'node:net';

/** Ports given out last, so that calls shortly after one another get different ones. */
const given: number[] = [];
const mostRemembered = 2_000;

/** Free TCP ports of 127.0.0.1, different in every call. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  const servers: Server[] = [];
  try {
    while (ports.length < count) {
      // It stays open until all are found, so that the system does not offer the same port again.
      const server = createServer();
      servers.push(server);
      server.listen(0, '127.0.0.1');
      await once(server, 'listening');
      const address = server.address();
      if (address === null || typeof address === 'string' || given.includes(address.port)) continue;
      given.push(address.port);
      ports.push(address.port);
    }
  } finally {
    for (const server of servers) server.close();
  }
  given.splice(0, given.length - mostRemembered);
  return ports;
}
