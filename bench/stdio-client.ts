import { type ChildProcess, spawn } from 'node:child_process';

interface Notification {
  readonly method: string;
  readonly params: Readonly<Record<string, unknown>>;
}

interface Answer {
  readonly result?: Record<string, unknown>;
  readonly error?: { readonly code: number; readonly message: string };
}

export interface Launch {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

/** A longer wait means a defect, not slowness. */
const patienceMs = 60_000;

/** A minimal MCP client, the same for MAOS and its floor, so that it costs both the same. */
export class StdioClient {
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  readonly #exit: Promise<string>;
  readonly #startedAt = performance.now();
  /** Called for each notification of the server. */
  onNotification: (notification: Notification) => void = () => {};
  #stderr = '';
  #rest = '';
  #nextId = 1;

  constructor({ program, args, cwd, env }: Launch) {
    const child = spawn(program, args, { cwd, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => this.#hear(chunk));
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
      this.#stderr += chunk;
    });
    // Requests without an answer fail by themselves.
    child.stdin.on('error', () => {});
    this.#exit = new Promise((resolve) => {
      child.once('error', (error) => resolve(String(error)));
      child.once('close', (code, signal) => resolve(`exit status ${code ?? signal}`));
    });
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** @returns milliseconds from spawn to the answer */
  async initialize(): Promise<number> {
    const clientInfo = { name: 'bench', version: '1' };
    const result = await this.request('initialize', {
      protocolVersion: '2025-11-25',
      capabilities: {},
      clientInfo,
    });
    const took = performance.now() - this.#startedAt;
    if (typeof result.serverInfo !== 'object')
      throw new Error(`initialize answered ${JSON.stringify(result)}`);
    this.#write({ jsonrpc: '2.0', method: 'notifications/initialized' });
    return took;
  }

  /** @throws Error when the response is a JSON-RPC error, or there is none */
  async request(method: string, params: object): Promise<Record<string, unknown>> {
    const id = this.#nextId++;
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve));
    this.#write({ jsonrpc: '2.0', id, method, params });
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    const answer = await Promise.race([answered, this.#exit]);
    clearTimeout(timeout);
    this.#waiting.delete(id);
    if (typeof answer === 'string') {
      throw new Error(
        `${method} was not answered: ${answer}. stderr: ${this.#stderr.slice(-2_000) || 'empty'}`,
      );
    }
    if (answer.result === undefined) throw new Error(`${method} answered ${JSON.stringify(answer.error)}`);
    return answer.result;
  }

  /** The text of a tool's result. @throws Error when the tool reports one */
  async callTool(name: string, args: object): Promise<string> {
    const result = await this.request('tools/call', { name, arguments: args });
    const [content] = result.content as readonly { readonly text: string }[];
    if (result.isError === true || content === undefined) {
      throw new Error(`${name} answered ${JSON.stringify(result).slice(0, 2_000)}`);
    }
    return content.text;
  }

  /** A tool's result as an object. */
  async ask<T>(name: string, args: object): Promise<T> {
    return JSON.parse(await this.callTool(name, args)) as T;
  }

  /** Ends like a client: closes the server's stdin and waits for its exit. */
  async close(): Promise<void> {
    this.#child.stdin?.end();
    const timeout = setTimeout(() => this.#child.kill('SIGKILL'), 10_000);
    await this.#exit;
    clearTimeout(timeout);
  }

  #write(message: object): void {
    this.#child.stdin?.write(`${JSON.stringify(message)}\n`);
  }

  #hear(chunk: string): void {
    const lines = (this.#rest + chunk).split('\n');
    this.#rest = lines.pop() ?? '';
    for (const line of lines) {
      const message = JSON.parse(line) as Notification | (Answer & { readonly id: number });
      if ('id' in message) this.#waiting.get(message.id)?.(message);
      else this.onNotification(message);
    }
  }
}
