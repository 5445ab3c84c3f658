import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Serves the repositories of a folder with git's own daemon, on loopback. */
export class GitServer {
  readonly url: string;
  connections = 0;

  private constructor(port: number) {
    this.url = `git://127.0.0.1:${port}`;
  }

  /** @param folder null: it accepts connections and never says anything */
  static async start(t: TestContext, folder: string | null): Promise<GitServer> {
    const sockets = new Set<Socket>();
    const server = createServer((socket) => {
      made.connections += 1;
      sockets.add(socket);
      socket.on('error', () => {});
      if (folder === null) return;
      const args = ['daemon', '--inetd', '--export-all', `--base-path=${folder}`, folder];
      const daemon = spawn('git', args, { stdio: ['pipe', 'pipe', 'ignore'] });
      daemon.stdin.on('error', () => {});
      socket.pipe(daemon.stdin);
      daemon.stdout.pipe(socket);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const made = new GitServer((server.address() as AddressInfo).port);
    t.after(() => {
      for (const socket of sockets) socket.destroy();
      server.close();
    });
    return made;
  }
}
