import { access, constants, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { explainedOrDefect, systemCode } from '../../../application/system-error.ts';
import type { Check } from '../facts/check.ts';

/** Checks whether MAOS can store its files in its home. */
export async function checkHome(home: string): Promise<Check> {
  const name = 'home';
  const problem = (detail: string, fix: string): Check => ({ name, state: 'problem', detail, fix });
  try {
    const found = await stat(home);
    if (!found.isDirectory()) return problem(`${home} is not a folder`, 'Set MAOS_HOME to a folder.');
    const self = process.getuid?.() ?? 0;
    if (self !== 0 && found.uid !== self) {
      return problem(`${home} belongs to another user`, 'Set MAOS_HOME to a folder that you own.');
    }
    await access(home, constants.R_OK | constants.W_OK | constants.X_OK);
    const mode = found.mode & 0o777;
    const open = (mode & 0o077) !== 0 && process.platform !== 'win32';
    return {
      name,
      state: open ? 'warning' : 'ok',
      detail: `${home}, mode ${mode.toString(8).padStart(4, '0')}`,
      fix: open ? `Other users can enter it: run chmod 700 '${home}'.` : null,
    };
  } catch (error) {
    if (systemCode(error) === 'ENOENT') {
      const why = await whyNotCreated(home);
      if (why !== null) return problem(`${home} cannot be created`, why);
      return { name, state: 'ok', detail: `${home} (created when first needed)`, fix: null };
    }
    return problem(`${home} cannot be used`, explainedOrDefect(error).message);
  }
}

/** Why this user cannot make folders in the nearest folder above that exists; null if they can. */
async function whyNotCreated(folder: string): Promise<string | null> {
  const above = dirname(folder);
  try {
    await access(above, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    if (systemCode(error) === 'ENOENT' && above !== folder) return whyNotCreated(above);
    return explainedOrDefect(error).message;
  }
}
