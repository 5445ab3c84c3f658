import { basename } from 'node:path';

/**
 * How a person calls this program again, for commands shown as the next step.
 * @param script `process.argv[1]`
 */
export function programName(
  script: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  // From npm's cache 'npx maos' would look the name up at the registry, where it need not be this program.
  const isCached = script !== undefined && /[\\/]_npx[\\/]/.test(script);
  if (env.npm_command === 'exec' && !isCached) return 'npx maos';
  if (isCached) return `node ${shellWord(script)}`;
  if (script === undefined || basename(script) === 'maos') return 'maos';
  return `node ${shellWord(script)}`;
}

/** A word as it may be pasted into a shell: quoted where that is needed. */
export function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
