import { join } from 'node:path';
import type {
  AgentEnd,
  Clock,
  LaunchKey,
  Log,
  OutputSink,
  RunningAgent,
  StopReport,
} from '../../application/ports.ts';
import { type AgentMark, endAgentProcesses } from './agent-processes.ts';
import { type Bell, makeBell } from './first-of.ts';
import { followFile } from './follow-file.ts';
import { readExit, readShellStatus } from './launch-record.ts';
import type { ProcessTable } from './process-table.ts';
import { watchFolder } from './watch-folder.ts';

/** How the wrapper itself ended, where this MAOS is its parent. */
export interface WrapperExit {
  readonly code: number | null;
  readonly signal: string | null;
}

export interface Supervision {
  readonly key: LaunchKey;
  readonly folder: string;
  readonly mark: AgentMark;
  readonly where: RunningAgent['where'];
  /** Settles when the wrapper has ended; with null where nobody told how. */
  readonly wrapperGone: Promise<WrapperExit | null>;
  /** Rung when exit.json was written. */
  readonly exitHint: Bell;
  readonly stdoutFrom: number;
  readonly sink: OutputSink;
  readonly table: ProcessTable;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long processes that the agent left behind have to end by themselves after SIGTERM. */
const strayGraceMs = 2_000;

/** Follows an agent that was started, to its end. */
export async function superviseAgent(supervision: Supervision): Promise<RunningAgent> {
  const { key, folder, mark, wrapperGone, exitHint, sink, table, clock, log } = supervision;
  const hurry = makeBell();
  let forceAt = Number.POSITIVE_INFINITY;
  let ending: Promise<StopReport> | null = null;

  function note(message: string, cause?: unknown): void {
    const error = cause === undefined ? {} : { error: String(cause) };
    log.log('warn', message, { agentId: key.agentId, attempt: key.attempt, ...error });
  }

  let isSinkBroken = false;
  function deliver(chunk: Uint8Array): void {
    if (isSinkBroken) return;
    try {
      sink.stdout(chunk);
    } catch (error) {
      isSinkBroken = true;
      note("The receiver of the agent's output failed; the rest is not delivered.", error);
    }
  }

  // First the watch, then the first reading: nothing written in between goes unnoticed.
  let poke = (): void => {};
  const unwatch = watchFolder(
    folder,
    (name) => {
      if (name === null || name === 'stdout.log') poke();
      if (name === null || name === 'exit.json') exitHint.ring();
    },
    (error) => note("The agent's folder cannot be watched; its output is polled instead.", error),
  );
  const output = await followFile(join(folder, 'stdout.log'), {
    from: supervision.stdoutFrom,
    deliver,
    onProblem: note,
  });
  poke = output.poke;

  function end(graceMs: number): Promise<StopReport> {
    forceAt = Math.min(forceAt, Date.now() + graceMs);
    hurry.ring();
    ending ??= endAgentProcesses({
      mark,
      table,
      forceAt: () => forceAt,
      wrapperGone,
      hurry: hurry.next,
    }).catch((error: unknown) => {
      note('The processes of the agent could not be ended and counted.', error);
      // Without proof the promise that none is left is not kept.
      return { signals: [], survivors: 1, tookMs: 0 };
    });
    return ending;
  }

  async function settle(): Promise<AgentEnd> {
    const wrapperExit = await wrapperGone;
    const isAsked = ending !== null;
    const report = await end(strayGraceMs);
    if (!isAsked && report.signals.length > 0) note('The agent left processes behind; they were ended.');
    if (report.survivors > 0) note(`${report.survivors} processes of the agent could not be ended.`);
    await output.finish();
    unwatch();
    return readEnd(wrapperExit);
  }

  async function readEnd(wrapperExit: WrapperExit | null): Promise<AgentEnd> {
    const record = await readExit(folder, key.attempt);
    if (record !== null) return { how: 'exited', ...record };
    const at = clock.now();
    if (wrapperExit === null) return { how: 'lost', at };
    const { code, signal } = wrapperExit;
    // The record is missing: the wrapper was killed, or the disk is full.
    return { how: 'exited', ...(code === null ? { exitCode: null, signal } : readShellStatus(code)), at };
  }

  const ended = settle().catch((error: unknown): AgentEnd => {
    note('The end of the agent could not be read.', error);
    unwatch();
    return { how: 'lost', at: clock.now() };
  });
  return { where: supervision.where, ended, stop: end };
}
