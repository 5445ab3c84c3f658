import { type ChildProcess, spawn } from 'node:child_process';
import { setTimeout as delay } from 'node:timers/promises';

/** How long the program may take to end after its input is closed, and then after SIGTERM. */
const closedMs = 1_000;
const graceMs = 2_000;
/** How often to check whether its group has ended. */
const lookMs = 20;

/** How the program itself ended, for people. */
type ProgramEnd = { readonly how: string; readonly isSpawnFailure: boolean };

/**
 * The program that speaks the protocol, as leader of its own process group. Some programs are launchers that do not
 * forward signals, so signals go to the whole group.
 */
export class AgentProgram {
  readonly #child: ChildProcess;
  readonly #exited: Promise<ProgramEnd>;
  /** Settles when it has ended and its output is read, or when it could not be started. */
  readonly ended: Promise<ProgramEnd>;

  constructor(program: string, args: readonly string[], onOutput: (chunk: Uint8Array) => void) {
    const child = spawn(program, args, { detached: true, stdio: ['pipe', 'pipe', 'inherit'] });
    this.#child = child;
    // It may end or close its input before it has read everything.
    child.stdin?.on('error', () => {});
    child.stdout?.on('data', onOutput);
    this.#exited = new Promise((resolve) => {
      child.once('error', (error) =>
        resolve({ how: `could not be started: ${error.message}`, isSpawnFailure: true }),
      );
      child.once('exit', (code, signal) => {
        const how = signal === null ? `exited with status ${code}` : `was killed by ${signal}`;
        resolve({ how, isSpawnFailure: false });
      });
    });
    // Processes that it leaves running can hold its stdout open, so wait only for what is already in the pipe.
    const closed = new Promise((resolve) => child.once('close', resolve));
    this.ended = this.#exited.then((end) => Promise.race([closed, delay(closedMs)]).then(() => end));
  }

  write(line: string): void {
    this.#child.stdin?.write(line);
  }

  /** Ends the whole group, with increasing force. Settles when no process is left. */
  async end(): Promise<void> {
    const { pid } = this.#child;
    if (pid === undefined) return;
    this.#child.stdin?.end();
    await Promise.race([this.#exited, delay(closedMs)]);
    for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
      const until = Date.now() + graceMs;
      if (!signalGroup(pid, signal)) return;
      while (signalGroup(pid, 0) && Date.now() < until) await delay(lookMs);
    }
  }
}

/** @returns whether a process of the group is left */
function signalGroup(leader: number, signal: NodeJS.Signals | 0): boolean {
  try {
    process.kill(-leader, signal);
    return true;
  } catch {
    // No process is left, or none that may be signalled.
    return false;
  }
}
