import { spawnSync } from 'node:child_process';
import type { TestContext } from 'node:test';

/**
 * A command line that runs another one in a separate process namespace, like a container, but with the same files.
 * @returns null, with the test skipped and the reason stated, where this is not possible
 */
export function processNamespace(t: TestContext): readonly string[] | null {
  return elsewhere(t, ['unshare', '--pid', '--fork', '--mount-proc', '--kill-child']);
}

/** A command line that runs another one as if the kernel had been rebooted. */
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
