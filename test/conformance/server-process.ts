import { type ChildProcess, spawn } from 'node:child_process';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';

/** The command that starts a server. */
export interface Command {
  /** A script for this Node, with its arguments. */
  readonly script: readonly [string, ...string[]];
  readonly folder: string;
  readonly env: NodeJS.ProcessEnv;
}

/** The parts of a message that are read; the whole message is passed on. */
export interface Message {
  readonly jsonrpc?: unknown;
  readonly id?: unknown;
  readonly method?: string;
  readonly error?: unknown;
  readonly params?: {
    readonly progressToken?: unknown;
    readonly _meta?: { readonly progressToken?: unknown };
  };
}

/** How long a server may take to end after its input has ended. */
const patienceMs = 60_000;

/** The server process of one session, on stdin and stdout. */
export class ServerProcess {
  /** Settles when the process has ended, with its violations of the protocol. */
  readonly ended: Promise<readonly string[]>;
  readonly #child: ChildProcess & { readonly stdin: Writable; readonly stdout: Readable };

  constructor({ script, folder, env }: Command, onMessage: (message: Message) => void) {
    const child = spawn(process.execPath, [...script], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
    this.#child = child;
    // If the server has gone, its exit shows it.
    child.stdin.on('error', () => {});
    const gone = new Promise<string>((resolve) => {
      child.once('error', (error) => resolve(String(error)));
      child.once('close', (status, signal) => resolve(String(signal ?? status)));
    });
    this.ended = Promise.all([gone, this.#read(onMessage), text(child.stderr)]).then(
      ([end, problems, complaint]) =>
        end === '0' ? problems : [...problems, `${script.join(' ')} ended with ${end}: ${complaint}`],
    );
  }

  send(message: Message): void {
    this.#child.stdin.write(`${JSON.stringify(message)}\n`);
  }

  /** Disconnects like a client. */
  leave(): void {
    this.#child.stdin.end();
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), patienceMs);
    void this.ended.finally(() => clearTimeout(timer));
  }

  async #read(onMessage: (message: Message) => void): Promise<readonly string[]> {
    const problems: string[] = [];
    let rest = '';
    for await (const chunk of this.#child.stdout.setEncoding('utf8')) {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        try {
          onMessage(JSON.parse(line));
        } catch (error) {
          problems.push(`stdout had the line ${line.slice(0, 500)}: ${error}`);
        }
      }
    }
    if (rest !== '') problems.push(`stdout ended in the midst of a line: ${rest.slice(0, 500)}`);
    return problems;
  }
}
