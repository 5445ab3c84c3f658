import { homedir } from 'node:os';
import { resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/**
 * The folder with everything MAOS keeps: `MAOS_HOME`, or `.maos` in the user's home folder. Absolute; it need not
 * exist. A leading `~/` is the home folder, since no shell expands what stands in a client's JSON settings.
 */
export function maosHome(env: Environment): string {
  const home = env.HOME === undefined || env.HOME === '' ? homedir() : env.HOME;
  const chosen = env.MAOS_HOME;
  if (chosen === undefined || chosen === '') return resolve(home, '.maos');
  return chosen === '~' || chosen.startsWith('~/') ? resolve(home, chosen.slice(2)) : resolve(chosen);
}
