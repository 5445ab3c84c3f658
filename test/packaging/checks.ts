import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { dirname } from 'node:path';
import type { NodeBinary } from './node-binaries.ts';

/** One run of the installed `maos`, and its required result. */
export interface Check {
  args: string[];
  status: number;
  stdout: RegExp;
  /** Default: empty. */
  stderr?: RegExp;
  stdin?: string;
  env?: Record<string, string>;
  /** Default: 30,000. */
  timeoutMs?: number;
}

/** Runs the launcher as a shell would: by its shebang, with the given Node first on PATH. */
export function runCheck(node: NodeBinary, launcher: string, check: Check, maosHome: string): void {
  const { status, signal, stdout, stderr, error } = spawnSync(launcher, check.args, {
    encoding: 'utf8',
    input: check.stdin ?? '',
    timeout: check.timeoutMs ?? 30_000,
    env: { HOME: maosHome, MAOS_HOME: maosHome, PATH: `${dirname(node.path)}:/usr/bin:/bin`, ...check.env },
  });
  const title = `maos ${check.args.join(' ')} on Node ${node.version}`;
  if (error !== undefined) throw new Error(`${title} did not run: ${error.message}`, { cause: error });
  assert.equal(status, check.status, `${title}: exit status ${status ?? signal}\n${stdout}\n${stderr}`);
  assert.match(stdout, check.stdout, `${title}: unexpected stdout`);
  assert.match(stderr, check.stderr ?? /^$/, `${title}: unexpected stderr`);
}
