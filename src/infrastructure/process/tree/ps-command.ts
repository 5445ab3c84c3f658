import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { type ProcessEntry, processState } from './proc-stat.ts';

const run = promisify(execFile);

/** What `ps` shows of a process, for platforms without procfs. */
export interface PsEntry extends ProcessEntry {
  readonly args: string;
  /** The environment as `ps` prints it, separated by spaces; empty where the system hides it. */
  readonly environment: string;
}

// Fixed time zone and language, because `lstart` is a local time in words.
const options = { maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C', LANG: 'C', TZ: 'UTC0' } };

/**
 * The processes of this user, from two calls of `ps`, with and without the environment after the arguments: only the
 * difference shows where the environment begins.
 *
 * CPU time has the precision that `ps` prints: seconds or hundredths.
 * @param pid read only this process
 */
export async function readPs(pid?: number): Promise<PsEntry[]> {
  const which = pid === undefined ? [] : ['-p', String(pid)];
  // S: add the CPU time of children that have ended.
  const flags = pid === undefined ? 'xS' : 'S';
  const [plain, long] = await Promise.all([
    ps([`${flags}wwo`, 'pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,args=', ...which]),
    ps([`${flags}ewwo`, 'pid=,args=', ...which]),
  ]);
  const longByPid = new Map<number, string>();
  for (const line of long.split('\n')) {
    const match = /^\s*(\d+) (.*)$/.exec(line);
    if (match !== null) longByPid.set(Number(match[1]), match[2] as string);
  }
  return plain.split('\n').flatMap((line) => {
    const entry = parsePsLine(line);
    if (entry === null) return [];
    const all = longByPid.get(entry.pid) ?? '';
    return { ...entry, environment: all.startsWith(entry.args) ? all.slice(entry.args.length) : '' };
  });
}

const psLine =
  /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(\S+)\s+(\d+)\s+([\d:.-]+)\s+(\w{3} \w{3} +\d+ \d\d:\d\d:\d\d \d{4}) ?(.*)$/;

/** One line of `pid=,ppid=,pgid=,stat=,rss=,time=,lstart=,args=`. There is no session id; the group's takes its place. */
function parsePsLine(line: string): Omit<PsEntry, 'environment'> | null {
  const match = psLine.exec(line);
  if (match === null) return null;
  const [, pid, ppid, pgid, stat, rss, time, lstart, args] = match as unknown as readonly string[];
  return {
    pid: Number(pid),
    ppid: Number(ppid),
    pgid: Number(pgid),
    sid: Number(pgid),
    start: Date.parse(`${lstart} UTC`),
    state: processState(stat?.[0]),
    cpuMs: parseCpuTime(time ?? ''),
    memoryBytes: Number(rss) * 1024,
    stack: 0,
    args: args ?? '',
  };
}

/** @param time `[days-][hours:]minutes:seconds[.hundredths]` */
export function parseCpuTime(time: string): number {
  const [days, clock] = time.includes('-') ? time.split('-') : ['0', time];
  const seconds = (clock ?? '').split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
  return Math.round((Number(days) * 86_400 + seconds) * 1000);
}

async function ps(args: readonly string[]): Promise<string> {
  try {
    return (await run('ps', args, options)).stdout;
  } catch (error) {
    // `ps` exits with status 1 when it finds no process.
    if ((error as { code?: unknown }).code === 1) return '';
    throw error;
  }
}
