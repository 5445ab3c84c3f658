import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { maosHome } from '../../files/home/maos-home.ts';
import { limitMark, readLimitMark } from './limit-mark.ts';
import { readProcStat } from './proc-stat.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A longer chain of parents is only made to hide something. */
const mostAncestors = 1_000;

/**
 * The environment of the agent that this process runs in, although its own environment does not show it: a program can
 * remove the variables from its own environment, but not from that of the processes above it. A process that has left
 * those still has the agent's mark (see {@link limitMark}), which leads to the agent's other processes.
 *
 * Only on Linux, and no proof against a program that takes pains: it could reset that limit.
 * @param home only agents of this MAOS_HOME count
 * @returns null outside any running agent, or when this platform cannot tell
 */
export function enclosingAgentEnvironment(home: string): Environment | null {
  if (process.platform !== 'linux') return null;
  let pid = process.ppid;
  for (let count = 0; pid > 1 && count < mostAncestors; count++) {
    const found = agentEnvironmentOf(pid);
    if (found !== null) return isOfHome(found, home) ? found : null;
    pid = readProcStat(pid)?.ppid ?? 0;
  }
  const mark = readLimitMark(read('/proc/self/limits'));
  return mark === null ? null : findMarked(mark, home);
}

function findMarked(mark: number, home: string): Environment | null {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const found = Number.isInteger(pid) && pid !== process.pid ? agentEnvironmentOf(pid) : null;
    const isIt = found !== null && limitMark(found.MAOS_AGENT_ID ?? '') === mark && isOfHome(found, home);
    if (isIt) return found;
  }
  return null;
}

/** Null for a process that shows no agent. */
function agentEnvironmentOf(pid: number): Environment | null {
  const variables = read(`/proc/${pid}/environ`).split('\0');
  const found = Object.fromEntries(
    variables.flatMap((variable) => {
      const at = variable.indexOf('=');
      return /^(?:MAOS_|HOME=)/.test(variable) ? [[variable.slice(0, at), variable.slice(at + 1)]] : [];
    }),
  );
  return (found.MAOS_AGENT_ID ?? '') === '' || (found.MAOS_SESSION_ID ?? '') === '' ? null : found;
}

function isOfHome(environment: Environment, home: string): boolean {
  try {
    return realpathSync(maosHome(environment)) === realpathSync(home);
  } catch {
    // Its home is gone or cannot be read.
    return false;
  }
}

/** Empty for a process that has ended, or belongs to another user. */
function read(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return '';
  }
}
