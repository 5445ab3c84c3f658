import { closeSync, fstatSync, openSync, writeSync } from 'node:fs';
import { constants } from 'node:os';
import { join } from 'node:path';
import type { OutputStream } from '../../application/ports/agent-disk.ts';
import type { AgentEnd, OutputSink } from '../../application/ports/agent-host.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { fileMode } from '../files/disk/folders.ts';
import { type FollowedFile, followFile } from '../process/host/follow-file.ts';
import { claimName, protocolVersion, readClaim, readExit } from '../process/host/launch-record.ts';
import { makeOutputIndex, type OutputIndex } from '../process/host/output-index.ts';

/**
 * The files of an agent on another machine, written here as its wrapper would have written them, so that all readers
 * work the same. Output is written at its offset, so that a repeated write changes nothing, whichever process does it.
 */
export interface Mirror {
  /** Whether what was there at the beginning has been delivered. */
  isCaughtUp(): boolean;
  /** @returns false if bytes before these are missing */
  write(stream: OutputStream, offset: number, bytes: Uint8Array): boolean;
  has(printed: Readonly<Record<OutputStream, number>>): boolean;
  /** The end that an earlier process of this home has recorded, which it did once it had everything. */
  recordedEnd(): Promise<AgentEnd | null>;
  /** Leaves the files as they are, for the next process that mirrors the agent. */
  close(): Promise<void>;
  /** Records the end, once everything that was printed is there. @returns bytes printed */
  finish(end: AgentEnd): Promise<number>;
}

export class FileMirror implements Mirror {
  readonly #folder: string;
  readonly #attempt: number;
  readonly #files: Readonly<Record<OutputStream, number>>;
  readonly #from: Readonly<Record<OutputStream, number>>;
  readonly #got: Record<OutputStream, number>;
  readonly #index: OutputIndex;
  readonly #output: FollowedFile;

  private constructor(
    folder: string,
    attempt: number,
    from: Readonly<Record<OutputStream, number>>,
    files: Readonly<Record<OutputStream, number>>,
    output: FollowedFile,
  ) {
    this.#folder = folder;
    this.#attempt = attempt;
    this.#from = from;
    this.#files = files;
    this.#got = {
      stdout: fstatSync(files.stdout).size - from.stdout,
      stderr: fstatSync(files.stderr).size - from.stderr,
    };
    this.#index = makeOutputIndex(folder, from);
    this.#output = output;
  }

  /** @param sink receives the stored output and all later output, from the first byte of the attempt */
  static async open(
    folder: string,
    attempt: number,
    sink: OutputSink,
    onProblem: (problem: string, cause?: unknown) => void,
  ): Promise<FileMirror> {
    const file = (stream: OutputStream): number => {
      const path = join(folder, `${stream}.log`);
      closeSync(openSync(path, 'a', fileMode));
      return openSync(path, 'r+');
    };
    const files = { stdout: file('stdout'), stderr: file('stderr') };
    if ((await readClaim(folder, attempt)) === null) {
      const sizes = { stdoutFrom: fstatSync(files.stdout).size, stderrFrom: fstatSync(files.stderr).size };
      const claim = `${JSON.stringify({ protocol: protocolVersion, place: 'remote', ...sizes })}\n`;
      await writeFileAtomic(join(folder, claimName(attempt)), claim);
    }
    const claim = await readClaim(folder, attempt);
    const from = { stdout: claim?.stdoutFrom ?? 0, stderr: claim?.stderrFrom ?? 0 };
    const output = await followFile(join(folder, 'stdout.log'), {
      from: from.stdout,
      deliver: (chunk) => sink.stdout(chunk),
      onProblem,
    });
    return new FileMirror(folder, attempt, from, files, output);
  }

  isCaughtUp(): boolean {
    return this.#output.isCaughtUp();
  }

  write(stream: OutputStream, offset: number, bytes: Uint8Array): boolean {
    const got = this.#got[stream];
    if (offset > got) return false;
    const fresh = bytes.subarray(got - offset);
    let written = 0;
    while (written < fresh.length) {
      const at = this.#from[stream] + got + written;
      written += writeSync(this.#files[stream], fresh, written, fresh.length - written, at);
    }
    if (fresh.length === 0) return true;
    this.#got[stream] += fresh.length;
    this.#index.note(stream);
    if (stream === 'stdout') this.#output.poke();
    return true;
  }

  has(printed: Readonly<Record<OutputStream, number>>): boolean {
    return this.#got.stdout >= printed.stdout && this.#got.stderr >= printed.stderr;
  }

  async recordedEnd(): Promise<AgentEnd | null> {
    const exit = await readExit(this.#folder, this.#attempt);
    return exit === null ? null : { how: 'exited', ...exit };
  }

  async close(): Promise<void> {
    await this.#output.finish();
    this.#index.close();
    closeSync(this.#files.stdout);
    closeSync(this.#files.stderr);
  }

  async finish(end: AgentEnd): Promise<number> {
    await this.close();
    if (end.how === 'exited' && (await this.recordedEnd()) === null) {
      const record = JSON.stringify({ attempt: this.#attempt, status: statusOf(end) });
      await writeFileAtomic(join(this.#folder, 'exit.json'), `${record}\n`);
    }
    return this.#got.stdout + this.#got.stderr;
  }
}

/** The exit status as `$?` of a shell. */
function statusOf({
  exitCode,
  signal,
}: {
  readonly exitCode: number | null;
  readonly signal: string | null;
}): number {
  if (signal === null) return exitCode ?? 0;
  return 128 + (constants.signals[signal as NodeJS.Signals] ?? 0);
}
