import { type ErrorCode, MaosError } from '../../domain/errors.ts';

const causes: Readonly<Record<string, readonly [code: ErrorCode, why: string]>> = {
  ENOSPC: ['RESOURCE_LIMIT_EXCEEDED', 'the disk is full: free some space (`maos gc` removes old sessions)'],
  EDQUOT: [
    'RESOURCE_LIMIT_EXCEEDED',
    'the disk quota is used up: free some space (`maos gc` removes old sessions)',
  ],
  EMFILE: ['RESOURCE_LIMIT_EXCEEDED', 'this process has too many files open: raise the limit (`ulimit -n`)'],
  ENFILE: ['RESOURCE_LIMIT_EXCEEDED', 'the machine has too many files open: close some programs'],
  EFBIG: ['RESOURCE_LIMIT_EXCEEDED', 'the file would be larger than allowed: raise the limit (`ulimit -f`)'],
  EACCES: ['FORBIDDEN', 'this user has no permission: check the owner and mode of the folder'],
  EPERM: ['FORBIDDEN', 'this user has no permission: check the owner and mode of the folder'],
  EROFS: ['FORBIDDEN', 'the file system is read-only: set MAOS_HOME to a folder that can be written'],
  ENAMETOOLONG: ['INVALID_INPUT', 'a name in it is too long for the file system'],
  ENOTDIR: ['INVALID_INPUT', 'a part of the path is a file, not a folder'],
  ELOOP: ['FORBIDDEN', 'it is a symbolic link, which MAOS does not follow here'],
};

/** `ENOENT` and the like; undefined for an error that does not come from the system. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** True for an error that says there is no such file. */
export function isMissing(error: unknown): boolean {
  const code = systemCode(error);
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** A path as it may stand in a message: whole, since a shortened one could not be found, and on one line. */
export function showPath(path: string): string {
  return JSON.stringify(path);
}

/**
 * What the system refused, as a MaosError that names the file. A MaosError passes unchanged.
 * @param doing what failed, to follow 'Could not': 'write', 'read'
 */
export function fileError(error: unknown, doing: string, path: string): MaosError {
  if (error instanceof MaosError) return error;
  const system = systemCode(error);
  const [code, why] = causes[system ?? ''] ?? [
    'INTERNAL',
    error instanceof Error ? error.message : String(error),
  ];
  return new MaosError(code, `Could not ${doing} ${showPath(path)}: ${why}.`, {
    details: { path, ...(system === undefined ? {} : { system }) },
    cause: error,
  });
}
