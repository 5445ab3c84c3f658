import { readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { retryWhileBusy } from './retry-while-busy.ts';

/*
 * The files through which an agent's wrapper and all MAOS processes, now and later, agree on a launch, as specified in
 * docs/wrapper-protocol.md. They are not written atomically, so an incomplete one counts as missing. Reads are
 * synchronous: the files have a few bytes that were just written, and the thread pool would take many times longer.
 */

/** The version of docs/wrapper-protocol.md that wrappers started by this version follow. */
export const protocolVersion = 1;

/** The prompt in the agent's folder: the stdin of its program. */
export const promptName = 'prompt.md';

/** The input of an attempt whose program can receive more than a prompt; see input-lines.ts. */
export function inputName(attempt: number): string {
  return `input.${attempt}`;
}

export interface LaunchClaim {
  /** Version of the wrapper protocol that the writer follows; 0 if missing, as in MAOS 0.1.0. */
  readonly protocol: number;
  /** Pid of the wrapper; null when a MAOS made the claim or the wrapper has not finished writing it. */
  readonly pid: number | null;
  /** Where it was made, as {@link placeName} writes it; null in claims of earlier versions of MAOS. */
  readonly place: string | null;
  /** True when a MAOS made the claim, so that the program never starts. */
  readonly fenced: boolean;
  /** Size of stdout.log when the attempt began; earlier attempts wrote to the same file. */
  readonly stdoutFrom: number;
  /** Size of stderr.log when the attempt began. */
  readonly stderrFrom: number;
}

export interface ExitRecord {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** ISO 8601 in UTC, with milliseconds. */
  readonly at: string;
}

/** The file whose creation claims an attempt. */
export function claimName(attempt: number): string {
  return `launch.${attempt}`;
}

/** Whether a launch writes a file of this name. */
export function isRecord(name: string): boolean {
  return /^(?:(?:launch|file|input)\..*|exit\.json|output\.idx|(?:stdout|stderr)\.log)$/s.test(name);
}

/** @returns null when the attempt is not claimed */
export async function readClaim(folder: string, attempt: number): Promise<LaunchClaim | null> {
  const text = await readIfThere(join(folder, claimName(attempt)));
  if (text === null) return null;
  const { protocol, pid, barred, stdoutFrom, stderrFrom, place } = parseRecord(text);
  return {
    protocol: isCount(protocol) ? protocol : 0,
    pid: isCount(pid) && pid > 0 ? pid : null,
    place: typeof place === 'string' ? place : null,
    fenced: barred === true,
    stdoutFrom: isCount(stdoutFrom) ? stdoutFrom : 0,
    stderrFrom: isCount(stderrFrom) ? stderrFrom : 0,
  };
}

const fence = `{"protocol":${protocolVersion},"barred":true}\n`;

/** Claims the attempt so that no wrapper can run it. @returns false when another process has claimed it */
export async function fenceLaunch(folder: string, attempt: number): Promise<boolean> {
  try {
    const path = join(folder, claimName(attempt));
    // If MAOS ended right after it recorded the start, the folder does not exist yet.
    await mkdir(folder, { recursive: true, mode: 0o700 });
    await retryWhileBusy(() => writeFile(path, fence, { flag: 'wx', mode: 0o600 }));
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  }
}

/** @returns null when there is no complete record of this attempt */
export async function readExit(folder: string, attempt: number): Promise<ExitRecord | null> {
  const path = join(folder, 'exit.json');
  const text = await readIfThere(path);
  if (text === null) return null;
  const record = parseRecord(text);
  if (record.attempt !== attempt || !isCount(record.status)) return null;
  return { ...readShellStatus(record.status), at: statSync(path).mtime.toISOString() };
}

const signalNames = new Map(
  Object.entries(constants.signals).map(([name, number]) => [number as number, name] as const),
);

/**
 * Decodes `$?` of a POSIX shell: above 128 it is 128 plus the number of a signal. A program that exits with such a
 * status itself (as shells and `timeout` do to pass on a signal) cannot be distinguished.
 */
export function readShellStatus(status: number): { exitCode: number | null; signal: string | null } {
  const signal = status > 128 ? (signalNames.get(status - 128) ?? null) : null;
  return signal === null ? { exitCode: status, signal: null } : { exitCode: null, signal };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function parseRecord(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? { ...value } : {};
  } catch {
    // Incomplete: its writer died or is still writing.
    return {};
  }
}

async function readIfThere(path: string): Promise<string | null> {
  try {
    return await retryWhileBusy(async () => readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw error;
  }
}
