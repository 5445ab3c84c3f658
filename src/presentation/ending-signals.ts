import { basename } from 'node:path';

/** Signals that ask a program to end; SIGHUP means that its terminal was closed. */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof endingSignals)[number];

/** Set by `bin/maos.js`: the names of ignored signals. */
const variable = 'MAOS_IGNORED_SIGNALS';

/**
 * Ignores the signals that were ignored when MAOS was started: SIGHUP under `nohup`, SIGINT for a shell's background
 * jobs. Node resets every signal to its default action, so `bin/maos.js` passes their names in a variable. When Node
 * runs the bundle directly, that variable is missing; then the shell's `_` variable still shows `nohup`.
 * @param env the environment of this process; the variable is removed, so that child processes do not inherit it
 * @returns the signals that still end the program
 */
export function keepIgnoring(
  env: Record<string, string | undefined>,
  source: { on(signal: EndingSignal, listener: () => void): unknown },
): readonly EndingSignal[] {
  const ignored = new Set(env[variable]?.split(' '));
  if (basename(env._ ?? '') === 'nohup') ignored.add('SIGHUP');
  delete env[variable];
  for (const signal of endingSignals) if (ignored.has(signal)) source.on(signal, () => {});
  return endingSignals.filter((signal) => !ignored.has(signal));
}
