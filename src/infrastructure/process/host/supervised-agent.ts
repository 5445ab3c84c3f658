import { statSync } from 'node:fs';
import { join } from 'node:path';
import type {
  AgentEnd,
  LaunchKey,
  OutputSink,
  ResourceSample,
  RunningAgent,
  StopReport,
} from '../../../application/ports/agent-host.ts';
import type { Clock } from '../../../application/ports/clock.ts';
import type { Log } from '../../../application/ports/log.ts';
import { MaosError } from '../../../domain/errors.ts';
import { AgentFamily, type AgentMark } from '../tree/agent-processes.ts';
import type { ProcessTable } from '../tree/process-table.ts';
import { makeCpuMeter, type ResourceSampler, type TreeUse } from '../tree/resource-sampler.ts';
import { endAgentProcesses } from './ending.ts';
import { firstOf, makeBell } from './first-of.ts';
import { followFile } from './follow-file.ts';
import type { InputFile } from './input-file.ts';
import { readExit, readShellStatus } from './launch-record.ts';
import { makeOutputIndex } from './output-index.ts';
import { proceedAgentProcesses, suspendAgentProcesses } from './suspending.ts';
import type { FolderWatch } from './watch-folder.ts';

/** How the wrapper itself ended, if this MAOS is its parent. */
export interface WrapperExit {
  readonly code: number | null;
  readonly signal: string | null;
}

/**
 * For an agent whose processes are invisible from here, or cannot be told from those of its wrapper: MAOS can only
 * follow its files.
 */
export interface HandsOff {
  /** For people. */
  readonly reason: string;
  /** Settles when MAOS may end its remaining processes; null: never. */
  readonly until: Promise<unknown> | null;
}

export interface Supervision {
  readonly key: LaunchKey;
  readonly folder: string;
  readonly mark: AgentMark;
  readonly location: RunningAgent['location'];
  /** Settles when the program has ended, with its status if the wrapper reported it; at the latest with the wrapper. */
  readonly programGone: Promise<number | null>;
  /** Settles when the wrapper has ended; with null if its exit status is unknown. */
  readonly wrapperGone: Promise<WrapperExit | null>;
  /** Null when this MAOS may signal its processes. */
  readonly handsOff: HandsOff | null;
  /** Null when its program takes no further input. */
  readonly input: InputFile | null;
  /** Watches `folder`; closed at the agent's end. */
  readonly watch: FolderWatch;
  readonly stdoutFrom: number;
  readonly stderrFrom: number;
  readonly sink: OutputSink;
  readonly table: ProcessTable;
  readonly sampler: ResourceSampler;
  readonly clock: Clock;
  readonly log: Log;
}

/** How long processes that the agent left behind may take to end after SIGTERM. */
const strayGraceMs = 2_000;
/** How long the wrapper usually takes, at most, to end after the program. */
const followMs = 20;
/** The same for a wrapper of another version, which may have more to do. */
const unknownFollowMs = 3_000;
/** How long a wrapper may be without a process of the program whose end it has not recorded. */
const emptyMs = 10_000;
/** In how many looks at least. */
const emptyLooks = 3;

/** Follows a started agent to its end. */
export async function superviseAgent(supervision: Supervision): Promise<RunningAgent> {
  const { key, folder, mark, programGone, wrapperGone, watch, sink, sampler, clock, log } = supervision;
  const { handsOff } = supervision;
  const family = new AgentFamily(mark, supervision.table, () => sink.isOwned());
  const hurry = makeBell();
  let forceAt = Number.POSITIVE_INFINITY;
  let ending: Promise<StopReport> | null = null;

  function note(message: string, more: Readonly<Record<string, unknown>> = {}): void {
    log.log('warn', message, { agentId: key.agentId, attempt: key.attempt, ...more });
  }
  const noteError = (message: string, cause?: unknown): void =>
    note(message, cause === undefined ? {} : { error: String(cause) });

  let isSinkBroken = false;
  function deliver(chunk: Uint8Array): void {
    if (isSinkBroken) return;
    try {
      sink.stdout(chunk);
    } catch (error) {
      isSinkBroken = true;
      noteError("The receiver of the agent's output failed; the rest is not delivered.", error);
    }
  }

  // Watch before the first read, so that nothing written in between goes unnoticed.
  let poke = (): void => {};
  const { stdoutFrom, stderrFrom } = supervision;
  const index = makeOutputIndex(folder, { stdout: stdoutFrom, stderr: stderrFrom });
  watch.on('stdout.log', () => {
    index.note('stdout');
    poke();
  });
  watch.on('stderr.log', () => index.note('stderr'));
  const output = await followFile(join(folder, 'stdout.log'), {
    from: supervision.stdoutFrom,
    deliver,
    onProblem: noteError,
  });
  poke = output.poke;
  // It may have printed before the folder was watched.
  index.note('stdout');
  index.note('stderr');

  let isRecorded = false;
  /** Visible, but run by a wrapper of an unknown version. */
  const isForeign = handsOff !== null && handsOff.until !== null;
  let isHandsOff = handsOff !== null;
  void handsOff?.until?.then(() => {
    isHandsOff = false;
  });
  function end(graceMs: number): Promise<StopReport> {
    // Invisible processes can be neither ended nor counted: the agent ends when the end of its program is recorded.
    if (isHandsOff) return Promise.resolve({ signals: [], survivors: isRecorded ? 0 : 1, tookMs: 0 });
    forceAt = Math.min(forceAt, performance.now() + graceMs);
    hurry.ring();
    ending ??= endAgentProcesses({
      family,
      asks: graceMs > 0,
      forceAt: () => forceAt,
      programGone,
      wrapperGone,
      hurry: hurry.next,
    }).catch((error: unknown) => {
      noteError('The processes of the agent could not be ended and counted.', error);
      // No proof that none is left, so report a survivor.
      return { signals: [], survivors: 1, tookMs: 0 };
    });
    return ending;
  }

  let isToMove = true;
  let turn: Promise<unknown> = Promise.resolve();
  /** Runs one call after the other, so that each sees the effect of the previous one. */
  function move(isMoving: boolean): Promise<void> {
    isToMove = isMoving;
    const isWanted = (): boolean => ending === null && isToMove === isMoving;
    if (!isMoving && isForeign && isHandsOff) {
      return Promise.reject(
        new MaosError('INTERNAL', `Agent ${key.agentId} cannot be suspended. ${handsOff.reason}`),
      );
    }
    const act = isMoving ? proceedAgentProcesses : suspendAgentProcesses;
    const done = turn.then(() => act(family, isWanted));
    turn = done.catch(() => 'the caller receives the error');
    return done;
  }

  function inputNow(): InputFile {
    if (supervision.input !== null && !isRecorded) return supervision.input;
    const why = supervision.input === null ? 'its program reads no further input' : 'it has ended';
    throw new MaosError('INVALID_TRANSITION', `Nothing can be sent to agent ${key.agentId}: ${why}.`);
  }

  async function closeInput(): Promise<void> {
    if (supervision.input === null || !isRecorded) await inputNow().close();
  }

  const meter = makeCpuMeter();
  let stdoutBytes = 0;
  let stderrBytes = 0;
  let isOver = false;
  async function sample(): Promise<ResourceSample | null> {
    const use = isOver ? null : await sampler.measure(mark);
    if (use === null || isOver) return null;
    endIfEmpty(use);
    return { ...use, cpuMs: meter(use.cpuMs), outputBytes: countPrinted() };
  }

  /** Whether its program has been seen; that of an adopted agent has been started by another MAOS. */
  let hasRun = mark.wrapper?.forks === undefined;
  let empty: { readonly since: number; readonly looks: ReadonlySet<TreeUse> } | null = null;
  let wasEmpty = false;
  /** A wrapper that has lost the part which waits for the program never reports its end, and may wait for ever. */
  function endIfEmpty(use: TreeUse): void {
    hasRun ||= use.processes > 0;
    const isEmpty = hasRun && use.processes === 0 && mark.wrapper !== null && !isRecorded && ending === null;
    const now = clock.elapsedMs();
    // The same look is given to all that ask within a short time.
    empty = isEmpty ? { since: empty?.since ?? now, looks: new Set([...(empty?.looks ?? []), use]) } : null;
    if (empty === null || now - empty.since < emptyMs || empty.looks.size < emptyLooks) return;
    wasEmpty = true;
    note(
      'The program of the agent is gone, and its wrapper has not recorded how it ended; MAOS ends the wrapper.',
    );
    void end(0);
  }

  function countPrinted(): number {
    // Both files also hold the output of earlier attempts. The maximum keeps counting output that was truncated or
    // deleted.
    stdoutBytes = Math.max(stdoutBytes, output.size() - supervision.stdoutFrom);
    stderrBytes = Math.max(stderrBytes, sizeOf(join(folder, 'stderr.log')) - supervision.stderrFrom);
    return stdoutBytes + stderrBytes;
  }

  async function memory(): Promise<number | null> {
    const bytes = isOver ? null : await sampler.memory(mark);
    return isOver ? null : bytes;
  }

  async function settle(): Promise<AgentEnd> {
    const status = await programGone;
    isRecorded = true;
    // If the program left nothing behind, the wrapper ends right after it, and one scan is enough.
    await firstOf(isForeign ? unknownFollowMs : followMs, [wrapperGone]);
    const isAsked = ending !== null;
    // The record is final now, even if processes of the agent remain.
    const [report, told] = await Promise.all([end(strayGraceMs), readEnd(status)]);
    if (!isAsked && report.signals.length > 0) {
      note('The agent left processes behind; MAOS ended them.', { ...report });
    }
    if (report.survivors > 0) note(`${report.survivors} processes of the agent could not be ended.`);
    await output.finish();
    watch.close();
    index.close();
    isOver = true;
    sink.printed?.(countPrinted());
    const hasStrays = !isAsked && report.signals.length > 0 && told.how === 'exited';
    return hasStrays ? { ...told, strays: report } : told;
  }

  async function readEnd(status: number | null): Promise<AgentEnd> {
    const record = await readExit(folder, key.attempt);
    const at = record?.at ?? clock.now();
    // What the wrapper said holds: there may be no record, because the disk is full, or one that the program has written.
    if (status !== null) return { how: 'exited', ...readShellStatus(status), at };
    // A wrapper that said nothing was killed: the work that a check runs can do so, after it has written the record.
    const isProof = key.check !== undefined;
    const exit = record === null || isProof ? await wrapperGone : null;
    if (record !== null && exit === null) return { how: 'exited', ...record };
    const signal = wasEmpty ? null : (exit?.signal ?? null);
    // A signal that ended the wrapper ended its program too.
    return signal === null ? { how: 'lost', at } : { how: 'exited', exitCode: null, signal, at };
  }

  const ended = settle().catch((error: unknown): AgentEnd => {
    noteError('The end of the agent could not be read.', error);
    watch.close();
    index.close();
    isOver = true;
    return { how: 'lost', at: clock.now() };
  });
  return {
    location: supervision.location,
    ...(handsOff === null ? {} : { unreachable: handsOff.reason }),
    ended,
    stop: end,
    suspend: () => move(false),
    resume: () => move(true),
    takesInput: supervision.input !== null,
    isCaughtUp: output.isCaughtUp,
    send: async (entry) => inputNow().append(entry),
    closeInput,
    sample,
    memory,
  };
}

function sizeOf(file: string): number {
  return statSync(file, { throwIfNoEntry: false })?.size ?? 0;
}
