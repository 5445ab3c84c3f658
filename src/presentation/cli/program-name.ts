import { basename } from 'node:path';

/**
 * How a person calls this program again, for commands shown as the next step.
 * @param script `process.argv[1]`
 */
export function programName(
  script: string | undefined,
  env: Readonly<Record<string, string | undefined>>,
): string {
  if (env.npm_command === 'exec') return 'npx maos';
  if (script === undefined || basename(script) === 'maos') return 'maos';
  return `node ${shellWord(script)}`;
}

/** A word as it may be pasted into a shell: quoted where that is needed. */
export function shellWord(word: string): string {
  return /^[\w./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
}
