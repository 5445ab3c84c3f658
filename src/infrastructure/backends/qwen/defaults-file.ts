import { existsSync } from 'node:fs';
import type { Environment } from '../shared/cli-program.ts';

/**
 * Settings that MAOS makes for a CLI below the user's own, as its file of defaults for a whole machine. A machine that has
 * such a file keeps it.
 * @param file.variable says where the file is
 * @param file.usual where it is when the variable says nothing
 */
export function defaultsFile(
  env: Environment,
  file: { readonly variable: string; readonly usual: readonly string[] },
  settings: unknown,
): Record<string, string> {
  const isThere = (env[file.variable] ?? '') !== '' || file.usual.some((path) => existsSync(path));
  return isThere ? {} : { [file.variable]: JSON.stringify(settings) };
}
