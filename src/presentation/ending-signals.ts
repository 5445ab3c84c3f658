import { basename } from 'node:path';

/** Signals that ask a program to end. SIGHUP: its terminal was closed. */
const endingSignals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
export type EndingSignal = (typeof endingSignals)[number];

/** Set by the launcher. */
const variable = 'MAOS_IGNORED_SIGNALS';

/**
 * Keeps ignoring what whoever started this program had it ignore, as `nohup` does with SIGHUP and a shell with the
 * SIGINT of what it runs in the background: Node has given every signal its default action again. The launcher says
 * which; where it was not started by its name but as a script of Node, a shell's `_` still tells of nohup.
 * @param env the process's own: what the launcher said is taken out, for it holds for this process alone
 * @returns the signals that are left to end the program
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
