import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../files/home/maos-home.ts';

/**
 * Whether the settings may say that the log takes `trace`: false is certain, true is a reason to read them. Reading
 * settings means to load zod, for which a server has no time before its first answer.
 */
export function mayTrace(home: string, env: Environment): boolean {
  const { MAOS_LOG: level } = env;
  if (level !== undefined && level !== '') return level === 'trace';
  try {
    return readFileSync(join(home, 'config.json'), 'utf8').includes('"trace"');
  } catch {
    // Most have no such file; whoever reads the settings complains about one that cannot be read.
    return false;
  }
}
