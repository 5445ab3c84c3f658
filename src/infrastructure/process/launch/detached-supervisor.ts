import { spawn } from 'node:child_process';

/**
 * Starts `maos supervise` for a project, as a process that whatever ends this one and what belongs to it does not
 * reach: its own session, no shared streams, marked as no part of an agent this maos may run in. It exists when
 * this returns.
 * @param options.from the instance whose sessions it waits for; null to begin at once
 * @param options.onError is told when it could not be started
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
      // Not the project's folder, which may be removed under it.
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
