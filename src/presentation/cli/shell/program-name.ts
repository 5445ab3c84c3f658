import { basename, dirname } from 'node:path';

/**
 * How the user calls this program, for suggested commands.
 * @param script `process.argv[1]`
 * @param cwd tells where the user runs it
 */
export function programName(
  script: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
  cwd: () => string = process.cwd,
): string {
  // From npm's cache, 'npx maos' would look the name up in the registry, where it may be a different program.
  const isCached = script !== undefined && /[\\/]_npx[\\/]/.test(script);
  if (!isCached && (env.npm_command === 'exec' || isOwnScript(script, env, cwd))) return 'npx maos';
  if (isCached) return `node ${shellWord(script)}`;
  if (script === undefined || basename(script) === 'maos') return 'maos';
  return `node ${shellWord(script)}`;
}

/**
 * Whether an npm script of the checkout started this program there, which then runs with the Node of the checkout. The
 * one on the user's PATH may be too old. In another folder, npx would look the name up in the registry.
 */
function isOwnScript(
  script: string | undefined,
  { npm_package_json: manifest }: Readonly<Record<string, string | undefined>>,
  cwd: () => string,
): boolean {
  if (script === undefined || manifest === undefined) return false;
  const checkout = dirname(manifest);
  try {
    return dirname(dirname(script)) === checkout && cwd() === checkout;
  } catch {
    // The folder is gone.
    return false;
  }
}

/** A word to paste into a shell, quoted if necessary. */
export function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
