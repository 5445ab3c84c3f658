import { readFileSync, statSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { constants } from 'node:os';
import { join } from 'node:path';
import { retryWhileBusy } from './retry-while-busy.ts';

/*
 * The files by which an agent's wrapper and every MAOS, now and later, agree on a launch; docs/wrapper-protocol.md says
 * what each means. Neither is written atomically, so half of one counts as none. Both are read synchronously: they are
 * some bytes that were just written, and a trip through the thread pool takes many times longer.
 */

/** Version of docs/wrapper-protocol.md that the wrappers started from here follow. */
export const protocolVersion = 1;

/** The prompt, in the agent's folder: what its program reads from stdin. */
export const promptName = 'prompt.md';

/** What an attempt's program is to receive, where it can; see input-lines.ts. */
export function inputName(attempt: number): string {
  return `input.${attempt}`;
}

export interface LaunchClaim {
  /** Version of the protocol that its writer follows; 0 where it does not say, as in MAOS 0.1.0. */
  readonly protocol: number;
  /** The wrapper; null when a MAOS made the claim, or the wrapper's own is not (yet) complete. */
  readonly pid: number | null;
  /** Where it was made, as {@link placeName} says it; null where an earlier version of MAOS made it. */
  readonly place: string | null;
  /** Made by a MAOS, so that the program never starts. */
  readonly fenced: boolean;
  /** Size of stdout.log when the attempt began: earlier attempts have written to the same file. */
  readonly stdoutFrom: number;
  /** Size of stderr.log when the attempt began. */
  readonly stderrFrom: number;
}

export interface ExitRecord {
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** ISO 8601 UTC, milliseconds. */
  readonly at: string;
}

/** The file by which an attempt is claimed. */
function claimName(attempt: number): string {
  return `launch.${attempt}`;
}

/** @returns null when the attempt is still free */
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

/** Claims the attempt so that no wrapper can. False when another process has claimed it. */
export async function fenceLaunch(folder: string, attempt: number): Promise<boolean> {
  try {
    const path = join(folder, claimName(attempt));
    // A MAOS that ended right after recording the start has not even made the folder.
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
 * `$?` of a POSIX shell: above 128 it is a signal's number plus 128. A program that itself exits with such a status
 * (as shells and `timeout` do, to pass a signal on) cannot be told apart.
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
    // Half written: its writer died, or is still writing.
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
