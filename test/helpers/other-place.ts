import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/**
 * A command line that runs another one in a process namespace of its own, as a container would; the files are the same.
 * @returns null, with the test skipped and the reason said, where there can be none
 */
export function processNamespace(t: TestContext): readonly string[] | null {
  return elsewhere(t, ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']);
}

/** A command line that runs another one where the kernel seems to have been started anew. */
export function otherBoot(t: TestContext, bootIdFile: string): readonly string[] | null {
  const script = 'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"';
  return elsewhere(t, ['unshare', '--mount', 'sh', '-c', script, bootIdFile]);
}

function elsewhere(t: TestContext, command: readonly string[]): readonly string[] | null {
  const [program = '', ...args] = command;
  const { status, stderr, error } = spawnSync(program, [...args, 'true'], { encoding: 'utf8' });
  if (status === 0) return command;
  t.skip(`another process namespace or boot id takes root on Linux: ${error ?? stderr}`);
  return null;
}
