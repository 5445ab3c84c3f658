import { systemCause, systemCode } from '../../../application/system-error.ts';
import { MaosError, showPath } from '../../../domain/errors.ts';

export { showPath, systemCode };

/** Whether the error says that the file does not exist. */
export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/**
 * Converts a system error to a MaosError that names the file. Returns a MaosError unchanged.
 * @param doing the failed action, to follow "Could not": "write", "read"
 */
export function fileError(error: unknown, doing: string, path: string): MaosError {
  if (error instanceof MaosError) return error;
  const system = systemCode(error);
  const [code, why] = systemCause(error) ?? [
    'INTERNAL' as const,
    error instanceof Error ? error.message : String(error),
  ];
  return new MaosError(code, `Could not ${doing} ${showPath(path)}: ${why}.`, {
    details: { path, ...(system === undefined ? {} : { system }) },
    cause: error,
  });
}
