import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import type { Socket } from 'node:net';

/** A shell command, and who follows it. */
export interface ShellJob {
  /** Reads no standard input of its own. Its last exit status is that of the job. */
  readonly line: string;
  readonly onStdout: (piece: Buffer) => void;
  readonly onStderr: (piece: Buffer) => void;
  /** @param status null if the shell ended first, by a signal to its group */
  readonly onEnd: (status: number | null) => void;
  readonly onError: (error: Error) => void;
}

/**
 * A `/bin/sh` that runs one job after the other, in a process group of its own.
 *
 * Problem: fork copies the page tables, so starting a process takes a server of 100 MB three times as long as git takes
 * to run, and stops everything else it does.
 * Solution: a shell, which is small, starts it. It keeps nothing: it ends with its standard input, however MAOS ends.
 */
export class WaitingShell {
  readonly #child: ChildProcess;
  /** Printed when a job has ended. No program can know it: it is only in what the shell reads. */
  readonly #mark = randomBytes(16).toString('hex');
  #job: ShellJob | null = null;
  #stdout: Held | null = null;
  #stderr: Held | null = null;
  #isClosed = false;

  /** @param onGone called when it and everything that it has started have ended */
  constructor(environment: Readonly<Record<string, string>>, onGone: () => void) {
    const child = spawn('/bin/sh', [], { cwd: '/', env: environment, stdio: 'pipe', detached: true });
    this.#child = child;
    child.stdout?.on('data', (piece: Buffer) => this.#hear(this.#stdout, piece));
    child.stderr?.on('data', (piece: Buffer) => this.#hear(this.#stderr, piece));
    // Fails if it was killed; `close` follows.
    child.stdin?.on('error', () => {});
    const gone = (tell: (job: ShellJob) => void): void => {
      this.#isClosed = true;
      onGone();
      const job = this.#take();
      if (job !== null) tell(job);
    };
    child.once('error', (error) => gone((job) => job.onError(error)));
    child.once('close', () => gone((job) => job.onEnd(null)));
  }

  get isFree(): boolean {
    return this.#job === null && !this.#isClosed;
  }

  /** Only while it is free. */
  run(job: ShellJob): void {
    this.#job = job;
    const mark = Buffer.from(this.#mark);
    this.#stdout = new Held(mark.length, job.onStdout);
    // Followed by the exit status, three digits.
    this.#stderr = new Held(mark.length + 3, job.onStderr);
    this.#hold(true);
    const { line } = job;
    const report = `printf '%s%03d' ${this.#mark} "$?" >&2; printf %s ${this.#mark}`;
    this.#child.stdin?.write(`${line}\n${report}\n`);
  }

  /** Signals the shell with all that it has started. */
  signal(signal: NodeJS.Signals): void {
    try {
      if (this.#child.pid !== undefined) process.kill(-this.#child.pid, signal);
    } catch {
      // It has already ended.
    }
  }

  /** Ends it after the job that it runs. */
  close(): void {
    this.#child.stdin?.end();
  }

  #hear(held: Held | null, piece: Buffer): void {
    held?.hear(piece);
    const [stdout, stderr] = [this.#stdout?.tail, this.#stderr?.tail];
    if (stdout?.toString('latin1') !== this.#mark) return;
    const told = stderr?.toString('latin1') ?? '';
    if (told.slice(0, -3) !== this.#mark) return;
    this.#hold(false);
    this.#take()?.onEnd(Number(told.slice(-3)));
  }

  #take(): ShellJob | null {
    const job = this.#job;
    this.#job = null;
    this.#stdout = null;
    this.#stderr = null;
    return job;
  }

  /** Only while it works, it keeps this process running. */
  #hold(works: boolean): void {
    const { stdin, stdout, stderr } = this.#child;
    for (const part of [this.#child, stdin as Socket, stdout as Socket, stderr as Socket]) {
      if (works) part.ref();
      else part.unref();
    }
  }
}

/** Passes on what a stream says, but for its last bytes so far, which may be the mark of the end. */
class Held {
  readonly #length: number;
  readonly #pass: (piece: Buffer) => void;
  #tail: Buffer = Buffer.alloc(0);

  constructor(length: number, pass: (piece: Buffer) => void) {
    this.#length = length;
    this.#pass = pass;
  }

  get tail(): Buffer {
    return this.#tail;
  }

  hear(piece: Buffer): void {
    const all = this.#tail.length === 0 ? piece : Buffer.concat([this.#tail, piece]);
    const passed = Math.max(0, all.length - this.#length);
    this.#tail = all.subarray(passed);
    if (passed > 0) this.#pass(all.subarray(0, passed));
  }
}

/** When more jobs run at once, their shells end with them. */
const mostWaiting = 4;
const waitingMs = 10_000;

/** Shells that wait for jobs, and end when none has come for a while. */
export class WaitingShells {
  readonly #environment: Readonly<Record<string, string>>;
  readonly #shells = new Set<WaitingShell>();
  #ending: NodeJS.Timeout | undefined;

  constructor(environment: Readonly<Record<string, string>>) {
    this.#environment = environment;
  }

  /** @returns what runs it */
  run(job: ShellJob): WaitingShell {
    const free = [...this.#shells].find(({ isFree }) => isFree);
    const shell: WaitingShell = free ?? new WaitingShell(this.#environment, () => this.#shells.delete(shell));
    shell.run(job);
    if (this.#shells.size < mostWaiting) this.#shells.add(shell);
    else if (free === undefined) shell.close();
    this.#ending ??= setTimeout(() => this.#endIdle(), waitingMs).unref();
    this.#ending.refresh();
    return shell;
  }

  #endIdle(): void {
    for (const shell of this.#shells) if (shell.isFree) shell.close();
  }
}
