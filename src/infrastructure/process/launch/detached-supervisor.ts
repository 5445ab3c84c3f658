import { spawn } from 'node:child_process';

/**
 * Starts `maos supervise` for a project, independent of this process: in its own session, without shared streams, and
 * not marked as part of an agent that this maos may run in. The process exists when this returns.
 * @param options.from the instance whose sessions it waits for; null to begin at once
 * @param options.onError called when it could not be started
 */
export function startDetachedSupervisor(options: {
  readonly project: string;
  readonly home: string;
  readonly from: string | null;
  readonly onError: (error: unknown) => void;
}): void {
  const { project, home, from, onError } = options;
  const args = ['supervise', '--project', project, ...(from === null ? [] : ['--from', from])];
  const { MAOS_AGENT_ID: _, ...env } = process.env;
  try {
    const child = spawn(process.execPath, [process.argv[1] as string, ...args], {
      // Not the project's folder, which may be removed meanwhile.
      cwd: home,
      detached: true,
      stdio: 'ignore',
      env: { ...env, MAOS_HOME: home, MAOS_DETACHED: '1' },
    });
    child.on('error', onError);
    child.unref();
  } catch (error) {
    onError(error);
  }
}
