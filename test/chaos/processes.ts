import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** A process that belongs to a MAOS_HOME, found without MAOS's code. */
export interface SeenProcess {
  readonly pid: number;
  readonly ppid: number;
  readonly pgid: number;
  /** Arguments, separated by spaces. */
  readonly command: string;
  /** Null for MAOS itself, and for an agent's leftover process that has dropped its environment. */
  readonly agentId: string | null;
  /** Whether this MAOS_HOME is in its environment. */
  readonly isMarked: boolean;
}

/** Every process with this MAOS_HOME in its environment or the ledger in its arguments, except zombies. */
export function processesOf(home: string, ledger: string): readonly SeenProcess[] {
  return process.platform === 'linux' ? byProcfs(home, ledger) : byPs(home, ledger);
}

function byProcfs(home: string, ledger: string): readonly SeenProcess[] {
  const wanted = `\0MAOS_HOME=${home}\0`;
  return readdirSync('/proc').flatMap((entry) => {
    if (!/^[0-9]+$/.test(entry)) return [];
    try {
      const environment = `\0${readFileSync(`/proc/${entry}/environ`, 'latin1')}\0`;
      const command = readFileSync(`/proc/${entry}/cmdline`, 'utf8').replaceAll('\0', ' ').trimEnd();
      const isMarked = environment.includes(wanted);
      if (!isMarked && !command.endsWith(` ${ledger}`)) return [];
      // After the name, which may contain any character: state, parent, group.
      const [, ppid, pgid] = readFileSync(`/proc/${entry}/stat`, 'latin1')
        .replace(/^.*\) /s, '')
        .split(' ');
      const agentId = /\0MAOS_AGENT_ID=([^\0]+)/.exec(environment)?.[1] ?? null;
      return [{ pid: Number(entry), ppid: Number(ppid), pgid: Number(pgid), command, agentId, isMarked }];
    } catch {
      // It has ended, or belongs to another user.
      return [];
    }
  });
}

function byPs(home: string, ledger: string): readonly SeenProcess[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,ppid=,pgid=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  return stdout.split('\n').flatMap((line) => {
    const found = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line);
    const isMarked = line.includes(` MAOS_HOME=${home} `);
    if (found === null || (!isMarked && !line.trimEnd().endsWith(` ${ledger}`))) return [];
    const [, pid, ppid, pgid, command = ''] = found;
    const agentId = /\bMAOS_AGENT_ID=(\S+)/.exec(command)?.[1] ?? null;
    return [{ pid: Number(pid), ppid: Number(ppid), pgid: Number(pgid), command, agentId, isMarked }];
  });
}

/** MAOS's own processes, except a forked one that has not become an agent yet, because it looks like its parent. */
export function maosAmong(processes: readonly SeenProcess[]): readonly SeenProcess[] {
  const maos = processes.filter(({ agentId, isMarked }) => isMarked && agentId === null);
  const commands = new Map(maos.map(({ pid, command }) => [pid, command]));
  return maos.filter(({ ppid, command }) => commands.get(ppid) !== command);
}

/** Whether it leads an agent's group and has the agent's id in its arguments. */
export function isWrapper({ pid, pgid, command }: SeenProcess): boolean {
  return pid === pgid && command.includes(' MAOS_AGENT_ID=');
}
