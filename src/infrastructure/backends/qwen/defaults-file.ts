import { existsSync } from 'node:fs';
import type { Environment } from '../shared/cli-program.ts';

/**
 * Settings of MAOS below the user's own, as a CLI's machine-wide defaults file. If the machine has such a file, it
 * stays in effect instead.
 * @param file.variable holds the path of the file
 * @param file.usual its paths if the variable is not set
 */
export function defaultsFile(
  env: Environment,
  file: { readonly variable: string; readonly usual: readonly string[] },
  settings: unknown,
): Record<string, string> {
  const isThere = (env[file.variable] ?? '') !== '' || file.usual.some((path) => existsSync(path));
  return isThere ? {} : { [file.variable]: JSON.stringify(settings) };
}
