import { type ChildProcess, type StdioOptions, spawn } from 'node:child_process';

/**
 * Starts this program again, independent of this process: in its own session, and not marked as part of an agent that
 * this maos may run in. The process exists when this returns.
 * @throws the system's error; later ones are events of the child
 */
export function startDetached(home: string, args: readonly string[], stdio: StdioOptions): ChildProcess {
  const { MAOS_AGENT_ID: _, ...env } = process.env;
  return spawn(process.execPath, [...process.execArgv, process.argv[1] as string, ...args], {
    // Not the project's folder, which may be removed meanwhile.
    cwd: home,
    detached: true,
    stdio,
    env: { ...env, MAOS_HOME: home, MAOS_DETACHED: '1' },
  });
}
