import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { MaosError } from '../../../domain/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's home folder; null when neither `HOME` nor the system knows one, as for some users of containers. */
export function userHome(env: Environment): string | null {
  if (env.HOME !== undefined && env.HOME !== '') return env.HOME;
  try {
    return homedir();
  } catch {
    // Without HOME, Node reads the user's passwd entry, which may not exist.
    return null;
  }
}

/**
 * The folder for all data of MAOS: `MAOS_HOME`, or `.maos` in the user's home folder. Absolute; may be missing. A
 * leading `~/` is expanded, because no shell does that in a client's JSON settings.
 * @throws MaosError CONFIG_INVALID when it depends on a home folder that the user does not have
 */
export function maosHome(env: Environment): string {
  const chosen = env.MAOS_HOME ?? '';
  const below = chosen === '' ? '.maos' : /^~(?:$|\/)/.test(chosen) ? chosen.slice(2) : null;
  if (below === null) return resolve(chosen);
  const home = userHome(env);
  if (home !== null) return resolve(home, below);
  throw new MaosError(
    'CONFIG_INVALID',
    "This user has no home folder (HOME is not set, and the system has no entry for the user): set MAOS_HOME to the folder for MAOS's files.",
    { details: { variable: 'MAOS_HOME' } },
  );
}

/** Whether `MAOS_HOME` depends on the current folder. */
export function isRelativeHome({ MAOS_HOME: chosen = '' }: Environment): boolean {
  return chosen !== '' && !isAbsolute(chosen) && !/^~(?:$|\/)/.test(chosen);
}
