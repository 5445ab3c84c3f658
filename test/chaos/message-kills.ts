import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SessionId } from '../../src/domain/ids.ts';
import { killAll, processesWith } from '../helpers/agent-processes.ts';
import type { RealProject } from '../helpers/real-project.ts';
import { bundle } from '../presentation/cli/maos-process.ts';
import type { SeededRandom } from './dice.ts';

/** How long the fastest `maos message send` took. */
let fastestMs = 1_500;

/**
 * Starts `maos message send` and kills it at a random moment, most often while it stores.
 * @returns whether it was killed before its end
 */
export async function killedSend(
  real: RealProject,
  dice: SeededRandom,
  [sessionId, to, text]: readonly [SessionId, string, string],
): Promise<boolean> {
  const child = spawn(process.execPath, [bundle, 'message', 'send', sessionId, to, text], {
    cwd: real.root,
    env: { PATH: process.env.PATH, HOME: real.home, MAOS_HOME: real.home },
    stdio: 'ignore',
  });
  const exited = once(child, 'exit');
  const begunAt = performance.now();
  const killMs = Math.floor(fastestMs * (0.6 + 0.6 * dice.next()));
  const timer = setTimeout(() => child.kill('SIGKILL'), killMs);
  const [, signal] = await exited;
  clearTimeout(timer);
  if (signal === null) fastestMs = Math.min(fastestMs, performance.now() - begunAt);
  return signal === 'SIGKILL';
}

/** Kills a running `maos agent` of the agent, as soon as there is one, and a little later. */
export async function killTeamServer(agentId: string, dice: SeededRandom): Promise<boolean> {
  for (let tries = 0; tries < 40; tries++) {
    const servers = processesWith('MAOS_AGENT_ID', agentId).filter((pid) =>
      argumentsOf(pid).endsWith('maos.js agent'),
    );
    await sleep(dice.between(0, 300));
    if (servers.length === 0) continue;
    killAll(servers);
    return true;
  }
  return false;
}

/** Kills the leader of the agent's processes. */
export function killWrapper(agentId: string): boolean {
  const wrappers = processesWith('MAOS_AGENT_ID', agentId).filter((pid) => groupOf(pid) === pid);
  killAll(wrappers);
  return wrappers.length > 0;
}

function argumentsOf(pid: number): string {
  return procfs(pid, 'cmdline').replaceAll('\0', ' ').trimEnd();
}

function groupOf(pid: number): number {
  // After the name, which may contain any character: state, parent, group.
  return Number(
    procfs(pid, 'stat')
      .replace(/^.*\) /s, '')
      .split(' ')[2],
  );
}

function procfs(pid: number, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}
