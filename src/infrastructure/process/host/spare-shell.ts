import { type ChildProcess, spawn } from 'node:child_process';
import type { Socket } from 'node:net';
import { shellWord } from '../launch/shell-word.ts';
import { countForks } from '../tree/pid-order.ts';
import { script } from './wrapper-script.ts';

/** How a wrapper is executed. */
export interface WrapperCommand {
  readonly cwd: string;
  /** Only variables that a shell passes on as they are. */
  readonly env: Readonly<Record<string, string>>;
  readonly stdin: string;
  /** Existing files, to append to. */
  readonly stdout: string;
  readonly stderr: string;
  /** The script's, beginning with its name. */
  readonly args: readonly string[];
}

/** A shell that leads its own session, with descriptor 3 as the wrapper needs it. */
export interface StartedShell {
  readonly child: ChildProcess;
  /** {@link countForks} before it was started. */
  readonly forks: number;
}

const waitingMs = 10_000;

/** Ended before this process has ended: an agent that runs MAOS must not seem to have left processes behind. */
const unused = new Set<ChildProcess>();
process.on('exit', () => {
  for (const child of unused) child.kill('SIGKILL');
});

/**
 * A shell that waits to become the wrapper of the next agent.
 *
 * Problem: fork copies the page tables, so starting a wrapper takes a MAOS of 90 MB two milliseconds, for which every
 * agent of a sequence waits.
 * Solution: the shell of the next agent is started while the one before it runs, in the environment of the latest one. It
 * then reads what is different, and executes the wrapper in its own place.
 *
 * It reads its order whole before it carries out a part of it, and ends with its standard input, however MAOS ends. What
 * it cannot carry out leaves no claim: then the wrapper is started as usual.
 */
export class SpareShell {
  #latest: WrapperCommand['env'] | null = null;
  #waiting: (StartedShell & { readonly env: WrapperCommand['env'] }) | null = null;
  #ending: NodeJS.Timeout | undefined;

  /** Remembers the environment of the latest wrapper. */
  startedIn(env: WrapperCommand['env']): void {
    // Without the marks of an agent: its processes are found by them.
    const others = Object.entries(env).filter(([name]) => !name.startsWith('MAOS_'));
    this.#latest = Object.fromEntries(others);
  }

  /** Starts one, unless one waits already or no wrapper has been started so far. Blocks for as long as a fork takes. */
  prepare(): void {
    const env = this.#latest;
    if (env === null || this.#waiting !== null) return;
    const forks = countForks();
    const child = spawn('/bin/sh', ['-s', script], {
      // Not a folder that may be removed, or replaced, while the shell waits.
      cwd: '/',
      env,
      detached: true,
      stdio: ['pipe', 'ignore', 'ignore', 'pipe'],
    });
    // What the system lacks is reported by the next start.
    child.once('error', () => {});
    if (child.pid === undefined) return;
    child.once('exit', () => this.#forget(child));
    // Fails if it was killed; `exit` follows.
    child.stdin?.on('error', () => {});
    this.#waiting = { child, forks, env };
    unused.add(child);
    hold(child, false);
    this.#ending = setTimeout(() => child.stdin?.end(), waitingMs).unref();
  }

  /** @returns what executes the command now; null where no shell waits that can */
  become(command: WrapperCommand): StartedShell | null {
    const waiting = this.#waiting;
    if (waiting === null) return null;
    const order = orderFor(command, waiting.env);
    if (order.includes('\0')) return null;
    this.#forget(waiting.child);
    hold(waiting.child, true);
    waiting.child.stdin?.end(order);
    return waiting;
  }

  #forget(child: ChildProcess): void {
    unused.delete(child);
    if (this.#waiting?.child !== child) return;
    this.#waiting = null;
    clearTimeout(this.#ending);
  }
}

function orderFor(
  { cwd, env, stdin, stdout, stderr, args }: WrapperCommand,
  present: WrapperCommand['env'],
): string {
  // `cd` changes them.
  const changed = ['PWD', 'OLDPWD'];
  const unset = [...Object.keys(present), ...changed].filter((name) => !Object.hasOwn(env, name));
  const set = Object.entries(env).filter(
    ([name, value]) => present[name] !== value || changed.includes(name),
  );
  const commands = [
    `cd -P ${shellWord(cwd)} || exit`,
    ...(unset.length === 0 ? [] : [`unset ${unset.join(' ')}`]),
    ...set.map(([name, value]) => `export ${name}=${shellWord(value)}`),
    `exec <${shellWord(stdin)} >>${shellWord(stdout)} 2>>${shellWord(stderr)}`,
    `exec /bin/sh -c "$1" ${args.map(shellWord).join(' ')}`,
  ];
  // A shell begins with a group only when it has read its end.
  return `{ ${commands.join('; ')}; }\n`;
}

/** Only while it works, it keeps this process running. */
function hold(child: ChildProcess, works: boolean): void {
  for (const part of [child, child.stdin as Socket, child.stdio[3] as Socket]) {
    if (works) part.ref();
    else part.unref();
  }
}
