import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Environment } from '../files/home/maos-home.ts';

/**
 * Whether the settings may enable the log level `trace`: false is certain, true means that they must be read. Reading
 * them loads zod, for which a server has no time before its first response.
 */
export function mayTrace(home: string, env: Environment): boolean {
  const { MAOS_LOG: level } = env;
  if (level !== undefined && level !== '') return level === 'trace';
  try {
    return readFileSync(join(home, 'config.json'), 'utf8').includes('"trace"');
  } catch {
    // Usually there is no such file. Reading the settings reports a file that cannot be read.
    return false;
  }
}
