import { basename } from 'node:path';

/**
 * How the user calls this program, for suggested commands.
 * @param script `process.argv[1]`
 */
export function programName(
  script: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  // From npm's cache, 'npx maos' would look the name up in the registry, where it may be a different program.
  const isCached = script !== undefined && /[\\/]_npx[\\/]/.test(script);
  if (env.npm_command === 'exec' && !isCached) return 'npx maos';
  if (isCached) return `node ${shellWord(script)}`;
  if (script === undefined || basename(script) === 'maos') return 'maos';
  return `node ${shellWord(script)}`;
}

/** A word to paste into a shell, quoted if necessary. */
export function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
