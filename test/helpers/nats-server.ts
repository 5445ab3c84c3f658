import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { until } from './waiting.ts';

/** A real nats-server with JetStream, which the test ends. */
export class NatsServer {
  readonly port: number;
  readonly #folder: string;
  readonly #address: string;
  #config: string | null = null;
  #process: ChildProcess | null = null;

  private constructor(port: number, folder: string, address: string) {
    this.port = port;
    this.#folder = folder;
    this.#address = address;
  }

  /**
   * @param configOf its whole configuration, from the folder for its files and its port; missing: nobody signs in
   * @param address of this machine
   */
  static async start(
    t: { after(cleanUp: () => Promise<void>): void },
    configOf?: (folder: string, port: number) => string,
    address = '127.0.0.1',
  ): Promise<NatsServer> {
    const server = new NatsServer(await freePort(), mkdtempSync(join(tmpdir(), 'maos-nats-')), address);
    t.after(async () => {
      await server.kill();
      rmSync(server.#folder, { recursive: true, force: true });
    });
    if (configOf !== undefined) {
      server.#config = join(server.#folder, 'nats-server.conf');
      writeFileSync(server.#config, configOf(server.#folder, server.port));
    }
    await server.run();
    return server;
  }

  get url(): string {
    return `nats://${this.#address}:${this.port}`;
  }

  /** Starts it, again with what it has stored. */
  async run(): Promise<void> {
    const open = ['-js', '-a', this.#address, '-p', String(this.port), '-sd', this.#folder];
    const args = this.#config === null ? open : ['-c', this.#config];
    this.#process = spawn(program(), args, { stdio: 'ignore' });
    await this.#listening();
  }

  async kill(): Promise<void> {
    const running = this.#process;
    this.#process = null;
    if (running === null || running.exitCode !== null || running.signalCode !== null) return;
    running.kill('SIGKILL');
    await once(running, 'exit');
  }

  signal(signal: NodeJS.Signals): void {
    this.#process?.kill(signal);
  }

  /** Ends it, and removes all it has stored. */
  async wipe(): Promise<void> {
    await this.kill();
    rmSync(join(this.#folder, 'jetstream'), { recursive: true, force: true });
  }

  async #listening(): Promise<void> {
    await until(async () => {
      const socket = connect(this.port, this.#address);
      const greeted = once(socket, 'data').then(
        () => true,
        () => false,
      );
      const isGreeted = await Promise.race([greeted, once(socket, 'close').then(() => false)]);
      socket.destroy();
      return isGreeted;
    }, `nats-server on port ${this.port}`);
  }
}

function program(): string {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/bin'];
  const found = folders.map((folder) => join(folder, 'nats-server')).find((path) => existsSync(path));
  assert.ok(
    found,
    "This test needs nats-server 2.9 or later: 'apt-get install nats-server', or a download from https://nats.io.",
  );
  return found;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as { port: number };
  server.close();
  return port;
}
