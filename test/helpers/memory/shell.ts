import { isAbsolute, join } from 'node:path';
import type { MemoryProcess, Program, ProgramStart } from './program.ts';
import { type Node, parseShell, type Word } from './shell-parser.ts';

/** Thrown to unwind a script that has called `exit`. */
class Exit extends Error {
  readonly status: number;

  constructor(status: number) {
    super('exit');
    this.status = status;
  }
}

type Stream = 1 | 2 | { readonly path: string };
type Streams = Readonly<Record<1 | 2, Stream>>;

/** Finds the program for a name that is not built into the shell. */
export type FindProgram = (name: string) => Program | null;

/** Runs a script of `/bin/sh -c`, or of a file. @param args `$0` and the following */
export async function runShell(
  text: string,
  args: readonly string[],
  start: ProgramStart,
  process: MemoryProcess,
  find: FindProgram,
): Promise<number> {
  try {
    return await new Shell(args, start, process, find).run(parseShell(text), { 1: 1, 2: 2 });
  } catch (error) {
    if (error instanceof Exit) return error.status;
    throw error;
  }
}

class Shell {
  readonly #args: readonly string[];
  readonly #start: ProgramStart;
  readonly #process: MemoryProcess;
  readonly #find: FindProgram;
  readonly #variables = new Map<string, string>();
  #status = 0;

  constructor(args: readonly string[], start: ProgramStart, process: MemoryProcess, find: FindProgram) {
    this.#args = args;
    this.#start = start;
    this.#process = process;
    this.#find = find;
  }

  async run(node: Node, streams: Streams): Promise<number> {
    await this.#process.step();
    switch (node.kind) {
      case 'list':
        for (const item of node.items) this.#status = await this.run(item, streams);
        break;
      case 'and':
        this.#status = await this.run(node.left, streams);
        if (this.#status === 0) this.#status = await this.run(node.right, streams);
        break;
      case 'or':
        this.#status = await this.run(node.left, streams);
        if (this.#status !== 0) this.#status = await this.run(node.right, streams);
        break;
      case 'background':
        this.#process.fork(() => this.run(node.body, streams));
        return 0;
      case 'loop':
        while (((await this.run(node.test, streams)) === 0) !== node.isUntil)
          await this.run(node.body, streams);
        this.#status = 0;
        break;
      case 'if':
        if ((await this.run(node.test, streams)) === 0) this.#status = await this.run(node.then, streams);
        else this.#status = node.otherwise === null ? 0 : await this.run(node.otherwise, streams);
        break;
      case 'command':
        this.#status = await this.#command(node, streams);
    }
    return this.#status;
  }

  async #command(node: Extract<Node, { kind: 'command' }>, outer: Streams): Promise<number> {
    for (const [name, value] of node.assignments) this.#variables.set(name, this.#expand(value));
    const streams = { ...outer };
    for (const { from, to, append } of node.redirects) {
      if (to === 1 || to === 2) streams[from] = streams[to];
      else {
        const path = this.#resolve(this.#expand(to));
        if (path !== '/dev/null' && !append) this.#start.files.write(path, Buffer.alloc(0), false);
        streams[from] = { path };
      }
    }
    const words = node.words.flatMap((word) =>
      isAllArguments(word) ? this.#args.slice(1) : [this.#expand(word)],
    );
    const [name, ...args] = words;
    if (name === undefined) return 0;
    const print = (stream: 1 | 2, text: string | Buffer): void =>
      this.#print(streams[stream], Buffer.from(text));
    return this.#call(name, args, print, streams);
  }

  async #call(
    name: string,
    args: readonly string[],
    print: (stream: 1 | 2, text: string | Buffer) => void,
    streams: Streams,
  ): Promise<number> {
    const { files, input, stdin } = this.#start;
    switch (name) {
      case ':':
      case 'true':
        return 0;
      case 'false':
        return 1;
      case 'echo':
        print(1, `${args.join(' ')}\n`);
        return 0;
      case 'exit':
        throw new Exit(Number(args[0] ?? this.#status));
      case 'sleep':
        await this.#process.sleep(Number(args[0]) * 1_000);
        return 0;
      case 'wait':
        await this.#process.whenJoined();
        return 0;
      case 'touch':
        for (const path of args) files.write(this.#resolve(path), Buffer.alloc(0), true);
        return 0;
      case 'mkdir':
        return 0;
      case '[':
        return this.#test(args.slice(0, -1)) ? 0 : 1;
      case 'cat': {
        for (let number = 0; args.length === 0 && input !== null; ) {
          const bytes = input.read(number);
          if (bytes === null) return 0;
          if (bytes === undefined) await this.#process.sleep(5);
          else {
            print(1, bytes);
            number++;
          }
        }
        for (const path of args.length === 0 ? [null] : args) {
          const bytes = path === null ? Buffer.from(stdin) : files.read(this.#resolve(path));
          if (bytes === null) {
            print(2, `cat: ${path}: No such file or directory\n`);
            return 1;
          }
          print(1, bytes);
        }
        return 0;
      }
      case 'trap':
        return this.#trap(args, streams);
      case 'kill': {
        const [signal = '', target = ''] = args;
        const named = signal === '-9' ? 'SIGKILL' : `SIG${signal.slice(1)}`;
        if (target !== '0' && target !== String(this.#process.pid)) return 1;
        this.#process.signal(named);
        await this.#process.step();
        return 0;
      }
      case 'exec': {
        const [program = '', ...rest] = args;
        throw new Exit(await this.#call(program, rest, print, streams));
      }
      default: {
        const program = this.#find(name);
        if (program === null) {
          print(2, `sh: ${name}: not found\n`);
          return 127;
        }
        const start = {
          ...this.#start,
          args,
          print: (stream: 'stdout' | 'stderr', bytes: Buffer) => print(stream === 'stdout' ? 1 : 2, bytes),
        };
        return program(start, this.#process);
      }
    }
  }

  #trap(args: readonly string[], streams: Streams): number {
    const [text = '', ...signals] = args;
    const body = text === '' ? null : parseShell(text);
    for (const signal of signals) {
      const act = async (): Promise<void> => {
        if (body !== null) await this.run(body, streams);
      };
      this.#process.traps.set(`SIG${signal}`, body === null ? 'ignored' : act);
    }
    return 0;
  }

  #test([first = '', operator = '', second = '']: readonly string[]): boolean {
    if (first === '-e') return this.#start.files.exists(this.#resolve(operator));
    if (operator === '-ge') return Number(first) >= Number(second);
    if (operator === '-lt') return Number(first) < Number(second);
    if (operator === '=') return first === second;
    throw new Error(`no such test: ${first} ${operator}`);
  }

  #expand(word: Word): string {
    return word
      .map((part) => {
        if ('text' in part) return part.text;
        return 'variable' in part ? this.#valueOf(part.variable) : String(this.#sum(part.sum));
      })
      .join('');
  }

  #valueOf(name: string): string {
    if (name === '$') return String(this.#process.pid);
    if (name === '?') return String(this.#status);
    if (/^[0-9]$/.test(name)) return this.#args[Number(name)] ?? '';
    return this.#variables.get(name) ?? this.#start.env[name] ?? '';
  }

  #sum(text: string): number {
    const terms = [...text.replaceAll(/[\s$]/g, '').matchAll(/([+-]?)(\w+)/g)];
    return terms.reduce((sum, [, sign, term = '']) => {
      const value = /^\d/.test(term) ? Number(term) : Number(this.#valueOf(term));
      return sign === '-' ? sum - value : sum + value;
    }, 0);
  }

  #resolve(path: string): string {
    return isAbsolute(path) ? path : join(this.#start.cwd, path);
  }

  #print(stream: Stream, bytes: Buffer): void {
    if (stream === 1) this.#start.print('stdout', bytes);
    else if (stream === 2) this.#start.print('stderr', bytes);
    else if (stream.path !== '/dev/null') this.#start.files.write(stream.path, bytes, true);
  }
}

/** `"$@"` */
function isAllArguments(word: Word): boolean {
  const parts = word.filter((part) => !('text' in part && part.text === ''));
  const [only] = parts;
  return parts.length === 1 && only !== undefined && 'variable' in only && only.variable === '@';
}
