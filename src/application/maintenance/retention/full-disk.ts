import { isMaosError } from '../../../domain/errors.ts';

export function isDiskFull(error: unknown): boolean {
  return isMaosError(error) && (error.details.system === 'ENOSPC' || error.details.system === 'EDQUOT');
}
