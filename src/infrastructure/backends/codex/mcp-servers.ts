import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { promisify } from 'node:util';
import { MaosError } from '../../../domain/errors.ts';
import { inheritedEnvironment } from '../../process/launch/environment.ts';
import type { Environment } from '../shared/cli-program.ts';
import { listOf, textOf } from '../shared/json-values.ts';

/** Codex asks servers on the network whether they need a sign-in, for at most 5 s. */
const timeoutMs = 15_000;

/**
 * Names of the MCP servers that Codex would start in a folder: the user's, and a trusted project's.
 *
 * Problem: settings on the command line are merged with those in files, and disabling a server that no file defines is
 * an error.
 * Solution: ask Codex for the names; only it knows which files apply.
 * @throws MaosError BACKEND_UNAVAILABLE with Codex's own message
 */
export async function configuredServers(
  program: string,
  folder: string,
  env: Environment,
): Promise<readonly string[]> {
  // The host reports a missing folder better than a failed start of Codex.
  if (!existsSync(folder)) return [];
  try {
    const options = { cwd: folder, env: inheritedEnvironment(env), timeout: timeoutMs };
    const { stdout } = await promisify(execFile)(program, ['mcp', 'list', '--json'], options);
    return stdout.trim() === '' ? [] : listOf(JSON.parse(stdout)).map(({ name }) => textOf(name));
  } catch (cause) {
    const { stderr, killed } = cause as { stderr?: string; killed?: boolean };
    const words = stderr?.split('\n').find((line) => /^error/i.test(line)) ?? String(cause);
    const why = killed === true ? `it did not answer within ${timeoutMs / 1000} s` : words;
    throw new MaosError(
      'BACKEND_UNAVAILABLE',
      `Codex cannot say which MCP servers it has (codex mcp list --json): ${why}. Repair its configuration, then retry.`,
      { cause, details: { backend: 'codex', path: program } },
    );
  }
}
