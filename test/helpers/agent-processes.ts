import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

/**
 * Processes that have one of the agents' ids in their environment, as an observer that shares no code with MAOS sees
 * them: `ID pid`.
 */
export function agentProcesses(agentIds: readonly string[]): readonly string[] {
  return process.platform === 'linux' ? byProcfs(agentIds) : byPs(agentIds);
}

function byProcfs(agentIds: readonly string[]): readonly string[] {
  const wanted = agentIds.map((id) => `\0MAOS_AGENT_ID=${id}\0`);
  return readdirSync('/proc').flatMap((pid) => {
    if (!/^[0-9]+$/.test(pid)) return [];
    try {
      const environment = `\0${readFileSync(`/proc/${pid}/environ`, 'latin1')}\0`;
      return agentIds
        .filter((_, index) => environment.includes(wanted[index] as string))
        .map((id) => `${id} ${pid}`);
    } catch {
      // It has ended, or belongs to another user: no agent of a test's.
      return [];
    }
  });
}

function byPs(agentIds: readonly string[]): readonly string[] {
  const { stdout } = spawnSync('ps', ['axeww', '-o', 'pid=,command='], { encoding: 'utf8' });
  return stdout.split('\n').flatMap((line) => {
    const pid = line.trim().split(' ', 1)[0];
    return agentIds.filter((id) => line.includes(`MAOS_AGENT_ID=${id}`)).map((id) => `${id} ${pid}`);
  });
}
