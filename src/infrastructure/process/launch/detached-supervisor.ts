import { startDetached } from './detached-process.ts';

/**
 * Starts `maos supervise` for a project, independent of this process and without shared streams. The process exists
 * when this returns.
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
  try {
    const child = startDetached(home, args, 'ignore');
    child.on('error', onError);
    child.unref();
  } catch (error) {
    onError(error);
  }
}
