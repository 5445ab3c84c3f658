import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus, loadavg, release, totalmem } from 'node:os';

export interface Machine {
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGb: number;
  readonly system: string;
  readonly node: string;
  /** Averages over 1, 5 and 15 minutes when the bench began. Above the number of cores, times mean little. */
  readonly load: readonly number[];
}

export function describeMachine(): Machine {
  return {
    cpu: cpus()[0]?.model.trim() ?? 'unknown processor',
    cores: cpus().length,
    memoryGb: Math.round(totalmem() / 1024 ** 3),
    system: `${process.platform} ${release()} ${process.arch}`,
    node: process.version,
    load: loadavg().map((value) => Math.round(value * 100) / 100),
  };
}

/** Resident memory of a process, in MB. */
export function residentMb(pid: number): number {
  const kilobytes =
    process.platform === 'linux'
      ? /^VmRSS:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]
      : ps('rss=', pid);
  return Number(kilobytes) / 1024;
}

/** Processor time that a process has used, user and system, in milliseconds. */
export function cpuTimeMs(pid: number): number {
  if (process.platform !== 'linux') return parseCpuTime(ps('time=', pid));
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  // Ticks are 10 ms on every Linux that Node supports: utime and stime, fields 14 and 15 of proc_pid_stat(5).
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

function ps(column: string, pid: number): string {
  return execFileSync('ps', ['-o', column, '-p', String(pid)], { encoding: 'utf8' }).trim();
}

/** @param time `[hours:]minutes:seconds`, the format of `ps` */
function parseCpuTime(time: string): number {
  return time.split(':').reduce((sum, part) => sum * 60 + Number(part), 0) * 1000;
}

/** Other processes that have the text in their environment or arguments. */
export function processesNaming(text: string): readonly { readonly pid: number; readonly command: string }[] {
  const all = process.platform === 'linux' ? readProcfs() : readPs();
  return all
    .filter(({ pid, command, environment }) => pid !== process.pid && (command + environment).includes(text))
    .map(({ pid, command }) => ({ pid, command: command.slice(0, 200) }));
}

interface Listed {
  readonly pid: number;
  readonly command: string;
  readonly environment: string;
}

function readProcfs(): readonly Listed[] {
  return readdirSync('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    try {
      const command = readFileSync(`/proc/${name}/cmdline`, 'latin1').replaceAll('\0', ' ');
      return { pid: Number(name), command, environment: readFileSync(`/proc/${name}/environ`, 'latin1') };
    } catch {
      // It has ended, or belongs to another user, so it is not ours.
      return [];
    }
  });
}

function readPs(): readonly Listed[] {
  const lines = execFileSync('ps', ['xeww', '-o', 'pid=,command='], { encoding: 'utf8', maxBuffer: 2 ** 26 });
  return lines.split('\n').flatMap((line) => {
    const [, pid, command = ''] = /^\s*(\d+) (.*)$/.exec(line) ?? [];
    return pid === undefined ? [] : { pid: Number(pid), command, environment: '' };
  });
}
