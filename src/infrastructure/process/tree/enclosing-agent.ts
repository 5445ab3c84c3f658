import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { isAgentId, isSessionId } from '../../../domain/ids.ts';
import { maosHome } from '../../files/home/maos-home.ts';
import { limitMark, readLimitMark } from './limit-mark.ts';
import { readProcStat } from './proc-stat.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A longer chain of parents is only made to hide something. */
const mostAncestors = 1_000;

/**
 * The environment of the agent that this process runs in, although its own may not show it, or show another one: a
 * program can change its own environment, but not that of the processes above it, and every process of an agent
 * inherits its mark (see {@link limitMark}).
 *
 * Only on Linux, and no proof against a program that takes pains: it could reset that limit.
 * @param own what this process has
 * @param home only agents of this MAOS_HOME count
 * @returns null outside any running agent, or when this platform cannot tell
 */
export function agentEnvironment(own: Environment, home: string): Environment | null {
  const isNamed = namesAgent(own);
  if (process.platform !== 'linux') return isNamed ? own : null;
  const mark = readLimitMark(read('/proc/self/limits'));
  const isMarked = ({ MAOS_AGENT_ID: id = '' }: Environment): boolean =>
    mark === null || limitMark(id) === mark;
  if (isNamed && isMarked(own)) return own;
  const found = findAbove(isMarked) ?? (mark === null ? null : findMarked(isMarked));
  if (found !== null && isOfHome(found, home)) return found;
  return isNamed ? own : null;
}

function findAbove(isMarked: (environment: Environment) => boolean): Environment | null {
  let pid = process.ppid;
  for (let count = 0; pid > 1 && count < mostAncestors; count++) {
    const found = agentEnvironmentOf(pid);
    if (found !== null && isMarked(found)) return found;
    pid = readProcStat(pid)?.ppid ?? 0;
  }
  return null;
}

function findMarked(isMarked: (environment: Environment) => boolean): Environment | null {
  for (const name of readdirSync('/proc')) {
    const pid = Number(name);
    const found = Number.isInteger(pid) && pid !== process.pid ? agentEnvironmentOf(pid) : null;
    if (found !== null && isMarked(found)) return found;
  }
  return null;
}

/** Null for a process that shows no agent. */
function agentEnvironmentOf(pid: number): Environment | null {
  const variables = read(`/proc/${pid}/environ`).split('\0');
  const found: Environment = Object.fromEntries(
    variables.flatMap((variable) => {
      const at = variable.indexOf('=');
      return /^(?:MAOS_|HOME=)/.test(variable) ? [[variable.slice(0, at), variable.slice(at + 1)]] : [];
    }),
  );
  return namesAgent(found) ? found : null;
}

function namesAgent({ MAOS_AGENT_ID: agentId = '', MAOS_SESSION_ID: sessionId = '' }: Environment): boolean {
  return isAgentId(agentId) && isSessionId(sessionId);
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
