import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/** Processes of agents, found by the id in their environment. */
export function agentProcesses(agentIds: readonly string[]): readonly number[] {
  return agentIds.flatMap((id) => processesWith('MAOS_AGENT_ID', id));
}

/** Ignores processes that have ended in the meantime. */
export function killAgentProcesses(agentIds: readonly string[]): void {
  killAll(agentProcesses(agentIds));
}

export function killAll(pids: readonly number[]): void {
  for (const pid of pids) {
    try {
      process.kill(pid, 'SIGKILL');
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }
}

/**
 * Processes with a variable in their environment, found without MAOS's code: on Linux the readable ones, elsewhere
 * those that `ps` shows.
 */
export function processesWith(variable: string, value: string): readonly number[] {
  return process.platform === 'linux' ? byProcfs(`${variable}=${value}`) : byPs(`${variable}=${value}`);
}

function byProcfs(entry: string): readonly number[] {
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^[0-9]+$/.test(pid)) return [];
    try {
      const environment = `\0${readFileSync(`/proc/${pid}/environ`, 'utf8')}\0`;
      return environment.includes(`\0${entry}\0`) ? [Number(pid)] : [];
    } catch {
      // It has ended, or belongs to another user, so it is not a test's agent.
      return [];
    }
  });
}

function byPs(entry: string): readonly number[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,command='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  });
  const lines = stdout.split('\n').filter((line) => ` ${line} `.includes(` ${entry} `));
  return lines.map((line) => Number.parseInt(line, 10)).filter((pid) => pid !== process.pid);
}
