import { type ChildProcess, spawn } from 'node:child_process';
import { connect } from 'node:net';
import type { TestContext } from 'node:test';
import { countedEnvironment } from '../helpers/counted-process.ts';
import { bundle, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

/** A home and a project for one test. */
export async function maosFolder(t: Pick<TestContext, 'after'>): Promise<MaosFolder> {
  const folder = await MaosFolder.make();
  t.after(() => folder.remove());
  return folder;
}

/** An unparsed response. */
export interface Answer {
  /** 0: the connection was closed without a response. */
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Everything, including what followed the first response. */
  readonly text: string;
}

/** A real `maos serve --http`. */
export class HttpProcess {
  readonly child: ChildProcess;
  readonly ended: Promise<readonly [status: number | null, signal: NodeJS.Signals | null]>;
  #stderr = '';
  #port = 0;

  private constructor(child: ChildProcess) {
    this.child = child;
    this.ended = new Promise((resolve) => {
      child.once('close', (status, signal) => resolve([status, signal]));
    });
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
    });
  }

  /** Settles when it is listening. @param args default: only HTTP, on any port */
  static async start(
    t: Pick<TestContext, 'after'>,
    folder: MaosFolder,
    {
      args = ['--http', '0', '--no-stdio'],
      env = {},
      stdin = 'pipe',
    }: { args?: readonly string[]; env?: NodeJS.ProcessEnv; stdin?: 'pipe' | 'ignore' } = {},
  ): Promise<HttpProcess> {
    const child = spawn(process.execPath, [bundle, 'serve', ...args], {
      cwd: folder.project,
      env: countedEnvironment(['serve', ...args], { ...folder.env, ...env }),
      stdio: [stdin, 'pipe', 'pipe'],
    });
    const server = new HttpProcess(child);
    t.after(async () => {
      child.kill('SIGKILL');
      await server.ended;
    });
    const line = await lineFrom(
      child.stderr as NodeJS.ReadableStream,
      /^MAOS is listening on .*(?:\bport |:)[0-9]+ /,
    );
    server.#port = Number(/(?:port |:)([0-9]+)\b/.exec(line)?.[1]);
    return server;
  }

  get port(): number {
    return this.#port;
  }

  get stderr(): string {
    return this.#stderr;
  }

  end(signal: NodeJS.Signals = 'SIGTERM') {
    this.child.kill(signal);
    return this.ended;
  }

  /**
   * Sends exactly these bytes. Settles when the server closes the connection, or the received text `isEnough`.
   * @param address of this machine
   */
  wire(
    bytes: string,
    isEnough: (text: string) => boolean = () => false,
    address = '127.0.0.1',
  ): Promise<Answer> {
    return new Promise((resolve) => {
      let text = '';
      const socket = connect(this.port, address, () => socket.write(bytes));
      socket.setEncoding('utf8').on('data', (chunk: string) => {
        text += chunk;
        if (isEnough(text)) socket.destroy();
      });
      // A server that rejects a request need not read all of it.
      socket.on('error', () => {});
      socket.once('close', () => resolve(parse(text)));
    });
  }

  /** Signs a browser in. @returns the header with its cookie */
  async signIn(token: string): Promise<string> {
    const lines = [`Authorization: Bearer ${token}`];
    const link = await this.ask('/api/sign-in-links', lines, 'POST', '{}');
    const { pathname, search } = new URL(JSON.parse(link.body).url);
    const { headers } = await this.ask(`${pathname}${search}`);
    return `Cookie: ${headers.get('set-cookie')?.split(';')[0]}`;
  }

  /** Sends one request on its own connection. @param lines headers; Host is added if it is missing */
  ask(path: string, lines: readonly string[] = [], method = 'GET', body?: string): Promise<Answer> {
    const host = lines.some((line) => /^host:/i.test(line)) ? [] : [`Host: 127.0.0.1:${this.port}`];
    const length = body === undefined ? [] : [`Content-Length: ${Buffer.byteLength(body)}`];
    const head = [`${method} ${path} HTTP/1.1`, ...host, ...lines, ...length, 'Connection: close'];
    return this.wire(`${head.join('\r\n')}\r\n\r\n${body ?? ''}`);
  }
}

function parse(text: string): Answer {
  const end = text.indexOf('\r\n\r\n');
  const [first = '', ...lines] = text.slice(0, Math.max(end, 0)).split('\r\n');
  const headers = lines.map((line) => {
    const colon = line.indexOf(':');
    return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()] as const;
  });
  const status = Number(/^HTTP\/1\.1 ([0-9]{3})/.exec(first)?.[1] ?? 0);
  return { status, headers: new Map(headers), body: end < 0 ? '' : text.slice(end + 4), text };
}

/** The number of responses of a connection for each status. */
export function statusesOf({ text }: Answer): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {};
  for (const [, status = ''] of text.matchAll(/HTTP\/1\.1 ([0-9]{3}) /g))
    counts[status] = (counts[status] ?? 0) + 1;
  return counts;
}
