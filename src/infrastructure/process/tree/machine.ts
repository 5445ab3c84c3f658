import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { freemem, totalmem } from 'node:os';
import { join } from 'node:path';
import type { HostCapacity } from '../../../application/ports/host-capacity.ts';
import { isGone } from './proc-stat.ts';

/** Memory of this machine. */
export type Machine = Pick<HostCapacity, 'freeMemoryMb' | 'totalMemoryMb'>;

export interface MachineDeps {
  readonly platform?: NodeJS.Platform;
  /** Where the kernel's files are mounted; tests pass other folders. */
  readonly proc?: string;
  readonly cgroups?: string;
  /** Output of `vm_stat`. */
  readonly vmStat?: () => string;
}

const mib = 1024 * 1024;

/**
 * Memory of the machine, or of the control group (a container, a systemd slice) if that allows less. Free memory is
 * what an agent could use:
 * - Linux: `MemAvailable`, or what the group's limit leaves. Both count reclaimable file cache as free;
 *   `process.availableMemory()` counts a group's cache as used.
 * - macOS: free, inactive, speculative and purgeable pages of `vm_stat`; `os.freemem()` counts only free pages.
 * - Elsewhere: `os.freemem()`.
 */
export function makeMachine(deps: MachineDeps = {}): Machine {
  const {
    platform = process.platform,
    proc = '/proc',
    cgroups = '/sys/fs/cgroup',
    vmStat = runVmStat,
  } = deps;
  let last: { readonly bytes: number; readonly at: number } | null = null;

  function readFreeBytes(): number {
    if (platform === 'linux') {
      const ofMachine = availableOf(readText(join(proc, 'meminfo')) ?? '') ?? freemem();
      return Math.min(ofMachine, ...groups().map(({ left }) => left));
    }
    return (platform === 'darwin' ? parseVmStat(vmStat()) : null) ?? freemem();
  }

  /** Cached: when a hundred agents start together, the earlier ones have not allocated their memory yet anyway. */
  function freeBytes(): number {
    const now = performance.now();
    const maxAgeMs = platform === 'darwin' ? vmStatMs : procMs;
    if (last === null || now - last.at > maxAgeMs) last = { bytes: readFreeBytes(), at: now };
    return last.bytes;
  }

  function groups(): readonly Allowance[] {
    return platform === 'linux' ? allowances(readText(join(proc, 'self/cgroup')) ?? '', cgroups) : [];
  }

  return {
    freeMemoryMb: () => Math.floor(freeBytes() / mib),
    totalMemoryMb: () => Math.floor(Math.min(totalmem(), ...groups().map(({ limit }) => limit)) / mib),
  };
}

/** How long a measurement is reused, in milliseconds: `vm_stat` is a child process, procfs a few small files. */
const vmStatMs = 1_000;
const procMs = 100;

function runVmStat(): string {
  try {
    return execFileSync('/usr/bin/vm_stat', { encoding: 'utf8', timeout: 1_000 });
  } catch {
    // No process could be started just now. The caller falls back to `os.freemem()`, which is lower.
    return '';
  }
}

function availableOf(meminfo: string): number | null {
  const kib = /^MemAvailable:\s+(\d+) kB/m.exec(meminfo)?.[1];
  return kib === undefined ? null : Number(kib) * 1024;
}

/** @param vmStat `Mach Virtual Memory Statistics: (page size of 16384 bytes)` and lines like `Pages free: 1234.` */
function parseVmStat(vmStat: string): number | null {
  const page = /page size of (\d+) bytes/.exec(vmStat)?.[1];
  if (page === undefined) return null;
  const pages = [...vmStat.matchAll(/^Pages (?:free|inactive|speculative|purgeable):\s+(\d+)\.?$/gm)];
  return Number(page) * pages.reduce((sum, [, count]) => sum + Number(count), 0);
}

/** What a control group allows, in bytes; infinite without a limit. */
interface Allowance {
  readonly limit: number;
  readonly left: number;
}

/**
 * The limits of this process's control group and of all its ancestors.
 * @param membership content of `/proc/self/cgroup`: `0::/path` in version 2, `4:memory:/path` in version 1
 */
function allowances(membership: string, cgroups: string): readonly Allowance[] {
  return membership.split('\n').flatMap((line) => {
    const [, controllers, path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? [];
    if (controllers === '') return foldersOf(cgroups, path).map(readGroupV2);
    const isMemory = controllers?.split(',').includes('memory') ?? false;
    return isMemory ? foldersOf(join(cgroups, 'memory'), path).map(readGroupV1) : [];
  });
}

/** From the root down. Inside a container the path may be the host's; then only the root exists. */
function foldersOf(mount: string, path: string): readonly string[] {
  const names = path.split('/').filter((name) => name !== '' && name !== '..');
  return [mount, ...names.map((_, index) => join(mount, ...names.slice(0, index + 1)))];
}

function readGroupV2(folder: string): Allowance {
  const limits = ['memory.max', 'memory.high'].map((name) => readCount(join(folder, name)));
  return allowance(limits, readCount(join(folder, 'memory.current')), () =>
    readStat(folder, 'inactive_file'),
  );
}

function readGroupV1(folder: string): Allowance {
  const limit = readCount(join(folder, 'memory.limit_in_bytes'));
  const used = readCount(join(folder, 'memory.usage_in_bytes'));
  return allowance([limit], used, () => readStat(folder, 'total_inactive_file'));
}

/** Version 1 writes "no limit" as the largest possible number of pages. */
const unlimited = 2 ** 60;

function allowance(limits: readonly (number | null)[], used: number | null, cache: () => number): Allowance {
  const limit = Math.min(...limits.map((value) => value ?? Number.POSITIVE_INFINITY));
  if (limit >= unlimited || used === null) return { limit: Infinity, left: Infinity };
  return { limit, left: Math.max(limit - Math.max(used - cache(), 0), 0) };
}

function readStat(folder: string, name: string): number {
  const text = readText(join(folder, 'memory.stat')) ?? '';
  return Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
}

/** @returns null for `max` and for a missing file */
function readCount(file: string): number | null {
  const text = readText(file)?.trim() ?? '';
  return /^\d+$/.test(text) ? Number(text) : null;
}

function readText(file: string): string | null {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    // Not mounted, another cgroup version, or not readable: the limit is unknown, so none applies.
    if (isGone(error) || code === 'ENOTDIR' || code === 'EACCES' || code === 'EPERM') return null;
    throw error;
  }
}
