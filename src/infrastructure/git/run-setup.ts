import { spawn } from 'node:child_process';
import { open, readFile, rm } from 'node:fs/promises';
import { endOf } from '../../domain/cut-text.ts';
import { MaosError, quote, showPath } from '../../domain/errors.ts';
import { showControls } from '../../domain/invisible-marks.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';
import { redactText } from '../logging/redact.ts';
import { inheritedEnvironment } from '../process/launch/environment.ts';
import { identify, type ProcessIdentity, sight } from '../process/tree/identity.ts';
import { withoutGitVariables } from './run-git.ts';
import { ignoreMissing } from './worktree-places.ts';

export interface SetupRun {
  /** A line for `/bin/sh -c`. */
  readonly line: string;
  readonly folder: string;
  readonly ports: readonly number[];
  /** Beside the folder: the output goes to `.log`, the process is recorded in `.process`. */
  readonly record: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Ends it with its processes. */
  readonly signal?: AbortSignal | undefined;
  /** Default: 10 minutes. */
  readonly timeoutMs?: number;
}

const defaultTimeoutMs = 10 * 60_000;
const killAfterMs = 2_000;
/** Longest end of the output in a message, in characters. */
const maxShown = 2_000;

/**
 * Runs the set-up command.
 * @throws MaosError INVALID_INPUT, with the end of its output, unless it succeeds; the signal's reason
 */
export async function runSetup(run: SetupRun): Promise<void> {
  run.signal?.throwIfAborted();
  const { line, folder, record, timeoutMs = defaultTimeoutMs } = run;
  const log = `${record}.log`;
  const output = await open(log, 'w', 0o600);
  try {
    const how = await ended(run, output.fd, timeoutMs);
    run.signal?.throwIfAborted();
    if (how === null) return;
    const said = showControls(redactText(endOf((await readFile(log, 'utf8')).trim(), maxShown)));
    throw new MaosError(
      'INVALID_INPUT',
      `The setup ${quote(line)} of the worktree ${how}. Its output is in ${showPath(log)}${said === '' ? ', and is empty.' : `, and ends with:\n${said}`}`,
      { details: { setup: line, folder, log } },
    );
  } finally {
    await output.close();
    await rm(`${record}.process`, { force: true });
  }
}

/** @returns null for success; else how it ended */
function ended(
  { line, folder, ports, record, environment, signal }: SetupRun,
  fd: number,
  timeoutMs: number,
): Promise<string | null> {
  return new Promise((resolve, reject) => {
    const child = spawn('/bin/sh', ['-c', line], {
      cwd: folder,
      env: { ...inheritedEnvironment(withoutGitVariables(environment)), ...portVariables(ports) },
      stdio: ['ignore', fd, fd],
      detached: true,
    });
    let isLate = false;
    let killing: NodeJS.Timeout | undefined;
    const end = (): void => {
      endGroup(child.pid, 'SIGTERM');
      killing ??= setTimeout(() => endGroup(child.pid, 'SIGKILL'), killAfterMs);
    };
    const timer = setTimeout(() => {
      isLate = true;
      end();
    }, timeoutMs);
    signal?.addEventListener('abort', end, { once: true });
    child.once('error', reject);
    const remembering = child.pid === undefined ? null : remember(child.pid, record);
    child.once('exit', async (status, killedBy) => {
      signal?.removeEventListener('abort', end);
      clearTimeout(timer);
      clearTimeout(killing);
      // What it has left running would belong to nobody.
      endGroup(child.pid, 'SIGKILL');
      // The record is removed next.
      await remembering;
      if (isLate) resolve(`took longer than ${timeoutMs / 1_000} s and was ended`);
      else if (status === 0) resolve(null);
      else resolve(killedBy === null ? `exited with status ${status}` : `was ended by ${killedBy}`);
    });
  });
}

/** So that the next maos can end it if this one is killed. Without the record, it ends on its own. */
async function remember(pid: number, record: string): Promise<void> {
  try {
    const identity = await identify(pid);
    if (identity !== null) await writeFileAtomic(`${record}.process`, JSON.stringify(identity));
  } catch {
    // The setup itself reports a full disk.
  }
}

/** Ends the set-up command of a maos that was killed. */
export async function endOldSetup(record: string): Promise<void> {
  const content = await readFile(`${record}.process`, 'utf8').catch(ignoreMissing);
  if (content === undefined) return;
  const identity = JSON.parse(content) as ProcessIdentity;
  if ((await sight(identity)) === 'alive') endGroup(identity.pid, 'SIGKILL');
  await rm(`${record}.process`, { force: true });
}

function endGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // No process is left in the group.
  }
}

function portVariables(ports: readonly number[]): Record<string, string> {
  return Object.fromEntries(ports.map((port, index) => [`MAOS_PORT_${index + 1}`, String(port)]));
}
