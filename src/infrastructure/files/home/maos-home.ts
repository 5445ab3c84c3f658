import { homedir } from 'node:os';
import { isAbsolute, resolve } from 'node:path';
import { MaosError } from '../../../domain/errors.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The user's home folder; null where neither `HOME` nor the system knows one, as for a user of a container. */
export function userHome(env: Environment): string | null {
  if (env.HOME !== undefined && env.HOME !== '') return env.HOME;
  try {
    return homedir();
  } catch {
    // Without HOME it is read from the user's entry in passwd, which there need not be.
    return null;
  }
}

/**
 * The folder with everything MAOS keeps: `MAOS_HOME`, or `.maos` in the user's home folder. Absolute; it need not
 * exist. A leading `~/` is the home folder, since no shell expands a path in a client's JSON settings.
 * @throws MaosError CONFIG_INVALID where it lies in the home folder, and the user has none
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

/** True when which folder `MAOS_HOME` names depends on the current one. */
export function isRelativeHome({ MAOS_HOME: chosen = '' }: Environment): boolean {
  return chosen !== '' && !isAbsolute(chosen) && !/^~(?:$|\/)/.test(chosen);
}
