import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundle, type MaosFolder } from '../presentation/cli/maos-process.ts';
import { countedEnvironment } from './counted-process.ts';

/** A message of the server with any content. */
export interface Heard {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: unknown;
  readonly result?: Readonly<Record<string, unknown>>;
  readonly error?: { readonly code: number; readonly message: string };
}

/** A client of the built server that sends any bytes, and records every answer. */
export class LineClient {
  readonly child;
  readonly #exit: Promise<readonly [code: number | null, signal: string | null]>;
  /** Answers by their id, in the order they came. */
  readonly answers = new Map<unknown, Heard[]>();
  /** Errors without an id. */
  readonly complaints: Heard[] = [];
  /** Lines of stdout that are not JSON-RPC messages. */
  readonly noise: string[] = [];
  stderr = '';
  #count = 0;
  #heard = (): void => {};

  constructor(folder: MaosFolder, env: NodeJS.ProcessEnv = {}) {
    this.child = spawn(process.execPath, [bundle, 'serve'], {
      cwd: folder.project,
      env: countedEnvironment(['serve'], { ...folder.env, ...env }),
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.#exit = new Promise((resolve) => {
      this.child.once('close', (code, signal) => resolve([code, signal]));
    });
    void this.#exit.then(() => this.#heard());
    // If the server has gone, the missing answers show it.
    this.child.stdin.on('error', () => {});
    this.child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text;
    });
    createInterface({ input: this.child.stdout, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) =>
      this.#hear(line),
    );
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Settles when the pipe has room again. */
  async write(data: string | Uint8Array): Promise<void> {
    if (this.child.stdin.write(data)) return;
    await Promise.race([new Promise<void>((resolve) => this.child.stdin.once('drain', resolve)), this.#exit]);
  }

  send(message: object): Promise<void> {
    return this.write(`${JSON.stringify({ jsonrpc: '2.0', ...message })}\n`);
  }

  /** The first answer to a request with a new id. */
  async request(method: string, params?: object): Promise<Heard> {
    this.#count += 1;
    const id = `client-${this.#count}`;
    await this.send({ id, method, params });
    await this.until(() => this.answers.has(id));
    return this.answers.get(id)?.[0] as Heard;
  }

  async initialize(): Promise<Heard> {
    const clientInfo = { name: 'lines', version: '1' };
    const answer = await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo,
    });
    await this.send({ method: 'notifications/initialized' });
    return answer;
  }

  /** Waits until messages of the server make the condition true. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      const { exitCode, signalCode } = this.child;
      assert.ok(
        exitCode === null && signalCode === null,
        `the server has ended (${exitCode ?? signalCode}): ${this.stderr}`,
      );
      await new Promise<void>((resolve) => {
        this.#heard = resolve;
      });
    }
  }

  /** Disconnects like a client. @returns how the server ended */
  async leave(
    how: 'EOF' | NodeJS.Signals = 'EOF',
  ): Promise<readonly [code: number | null, signal: string | null]> {
    if (how === 'EOF') this.child.stdin.end();
    else this.child.kill(how);
    return this.#exit;
  }

  #hear(line: string): void {
    const message = messageIn(line);
    if (message === null) this.noise.push(line.slice(0, 1_000));
    else if (message.id === undefined && message.error !== undefined) this.complaints.push(message);
    else if (message.method === undefined)
      this.answers.set(message.id, [...(this.answers.get(message.id) ?? []), message]);
    this.#heard();
  }
}

function messageIn(line: string): Heard | null {
  try {
    const message = JSON.parse(line) as Heard;
    const isMessage = [message.method, message.result, message.error].some((part) => part !== undefined);
    return message.jsonrpc === '2.0' && isMessage ? message : null;
  } catch {
    return null;
  }
}
