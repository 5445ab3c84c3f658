import { type ChildProcess, execFile, fork, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { launcher, type Workplace } from '../workplace.ts';
import { type Kind, type Reply, send } from './load.ts';

const floorServer = fileURLToPath(new URL('../floor/http-server.mjs', import.meta.url));

/** `maos serve --http`, and a client's session over `/mcp`. */
export class MaosOverHttp {
  readonly #child: ChildProcess;
  readonly port: number;
  readonly token: string;
  /** The headers of every request. */
  readonly headers: Readonly<Record<string, string>>;
  #session = '';

  private constructor(child: ChildProcess, port: number, token: string) {
    this.#child = child;
    this.port = port;
    this.token = token;
    this.headers = { authorization: `Bearer ${token}` };
  }

  static async start(place: Workplace): Promise<MaosOverHttp> {
    const options = { cwd: place.project, env: place.environment() };
    const args = ['serve', '--http', '0', '--no-stdio'];
    const child = spawn(launcher, args, { ...options, stdio: ['ignore', 'ignore', 'pipe'] });
    try {
      const port = await listening(child);
      const { stdout } = await promisify(execFile)(launcher, ['token'], options);
      const maos = new MaosOverHttp(child, port, stdout.trim());
      await maos.#initialize();
      return maos;
    } catch (error) {
      child.kill('SIGKILL');
      throw error;
    }
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** A request that sends the message to `/mcp`. */
  message(message: object): Kind {
    const headers = {
      ...this.headers,
      accept: 'application/json, text/event-stream',
      'content-type': 'application/json',
      ...(this.#session === '' ? {} : { 'mcp-session-id': this.#session }),
    };
    const body = JSON.stringify({ jsonrpc: '2.0', ...message });
    return { name: '/mcp', method: 'POST', path: '/mcp', headers, body };
  }

  /** A tool's result as an object. @throws Error when the tool reports one */
  async ask<T>(name: string, args: object): Promise<T> {
    const reply = await this.#say({ id: 1, method: 'tools/call', params: { name, arguments: args } });
    // The response is JSON, or the last event of a stream.
    const json = reply.text.startsWith('{')
      ? reply.text
      : (/.*^data: (\{.*\})$/ms.exec(reply.text)?.[1] ?? '');
    const { result } = JSON.parse(json) as { result?: { isError?: boolean; structuredContent?: T } };
    if (result?.structuredContent === undefined || result.isError === true)
      throw new Error(`${name} answered ${reply.text.slice(0, 2_000)}`);
    return result.structuredContent;
  }

  async close(): Promise<void> {
    await end(this.#child, 'SIGTERM');
  }

  async #initialize(): Promise<void> {
    const clientInfo = { name: 'bench', version: '1' };
    const params = { protocolVersion: '2025-11-25', capabilities: {}, clientInfo };
    const { headers } = await this.#say({ id: 0, method: 'initialize', params });
    this.#session = String(headers['mcp-session-id']);
    await this.#say({ method: 'notifications/initialized' });
  }

  async #say(message: object): Promise<Reply> {
    const reply = await send(this.port, this.message(message));
    if (reply.status >= 300) throw new Error(`/mcp answered ${reply.status}: ${reply.text.slice(0, 500)}`);
    return reply;
  }
}

/** The minimal server that sends the same responses and events: {@link file://../floor/http-server.mjs}. */
export class HttpFloor {
  readonly #child: ChildProcess;
  readonly port: number;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  static async start(eventsPerSecond: number, eventBytes: number): Promise<HttpFloor> {
    const child = fork(floorServer, [eventsPerSecond, eventBytes].map(String));
    const [{ port }] = (await once(child, 'message')) as [{ port: number }];
    return new HttpFloor(child, port);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  begin(): void {
    this.#child.send('begin');
  }

  /** Stops the events. @returns how many there were */
  async stop(): Promise<number> {
    const told = once(this.#child, 'message') as Promise<[{ last: number }]>;
    this.#child.send('stop');
    return (await told)[0].last;
  }

  async close(): Promise<void> {
    await end(this.#child, 'SIGKILL');
  }
}

async function listening(child: ChildProcess): Promise<number> {
  for await (const line of createInterface({ input: child.stderr as NodeJS.ReadableStream })) {
    const port = /is listening on http:\S+:([0-9]+) /.exec(line)?.[1];
    if (port === undefined) continue;
    child.stderr?.resume();
    return Number(port);
  }
  throw new Error('maos serve --http ended before it listened.');
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const gone = once(child, 'exit');
  child.kill(signal);
  const patience = setTimeout(() => child.kill('SIGKILL'), 10_000);
  await gone;
  clearTimeout(patience);
}
