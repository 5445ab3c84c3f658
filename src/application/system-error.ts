import { type ErrorCode, isMaosError, MaosError, showPath } from '../domain/errors.ts';

type Cause = readonly [code: ErrorCode, why: string];

const noPermission: Cause = [
  'FORBIDDEN',
  'this user has no permission: check the owner and mode of the folder',
];
const failing: Cause = [
  'RESOURCE_LIMIT_EXCEEDED',
  "the disk or its connection fails: look at the system's log (dmesg), and try again when it works",
];
const notServed: Cause = ['INVALID_INPUT', 'it is a device or pipe without a reader: name a file'];

/** For each system error (errno), what to do about it. */
const causes: Readonly<Record<string, Cause>> = {
  ENOSPC: ['RESOURCE_LIMIT_EXCEEDED', 'the disk is full: free some space (`maos gc` removes old sessions)'],
  EDQUOT: [
    'RESOURCE_LIMIT_EXCEEDED',
    'the disk quota is used up: free some space (`maos gc` removes old sessions)',
  ],
  EMFILE: ['RESOURCE_LIMIT_EXCEEDED', 'this process has too many files open: raise the limit (`ulimit -n`)'],
  ENFILE: ['RESOURCE_LIMIT_EXCEEDED', 'the machine has too many files open: close some programs'],
  EFBIG: ['RESOURCE_LIMIT_EXCEEDED', 'the file would be larger than allowed: raise the limit (`ulimit -f`)'],
  ENOMEM: ['RESOURCE_LIMIT_EXCEEDED', 'the machine has no memory left: close some programs'],
  EAGAIN: [
    'RESOURCE_LIMIT_EXCEEDED',
    'the machine or this user has too many processes: close some, or raise the limit (`ulimit -u`)',
  ],
  EIO: failing,
  ENODATA: failing,
  EREMOTEIO: failing,
  EHOSTDOWN: failing,
  ETIMEDOUT: failing,
  ENOTCONN: failing,
  ESTALE: [
    'RESOURCE_LIMIT_EXCEEDED',
    'the network file system has lost it: mount it again, or set MAOS_HOME to a local folder',
  ],
  EBUSY: ['RESOURCE_LIMIT_EXCEEDED', 'another program is using it: close that program, and try again'],
  ETXTBSY: ['RESOURCE_LIMIT_EXCEEDED', 'it is a running program: end it, and try again'],
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: ['FORBIDDEN', 'the file system is read-only: set MAOS_HOME to a writable folder'],
  ELOOP: ['FORBIDDEN', 'it is a symbolic link, which MAOS does not follow here'],
  ENOTSUP: ['FORBIDDEN', 'the file system does not support this: set MAOS_HOME to a folder on another one'],
  EXDEV: ['FORBIDDEN', 'it is on another file system: set MAOS_HOME to a folder within one file system'],
  ENOENT: ['INVALID_INPUT', 'it does not exist: check the path'],
  EEXIST: ['INVALID_INPUT', 'something with this name exists already: move it away'],
  ENAMETOOLONG: ['INVALID_INPUT', 'a name in it is too long for the file system'],
  ENOTDIR: ['INVALID_INPUT', 'a part of the path is a file, not a folder'],
  EISDIR: ['INVALID_INPUT', 'it is a folder, not a file: move it away, or name a file'],
  ENOTEMPTY: ['INVALID_INPUT', 'the folder is not empty: move away what is in it'],
  ENXIO: notServed,
  ENODEV: notServed,
};

/** Names of system calls in messages, to follow "Could not". */
const doings: Readonly<Record<string, string>> = {
  mkdir: 'create the folder',
  scandir: 'read the folder',
  opendir: 'read the folder',
  stat: 'inspect',
  lstat: 'inspect',
  access: 'use',
  realpath: 'find',
  unlink: 'remove',
  rmdir: 'remove the folder',
  chmod: 'set the mode of',
  fchmod: 'set the mode of',
  uv_cwd: 'find the current folder',
};

/** Such as `ENOENT`; undefined for an error that is not from the system. */
export function systemCode(error: unknown): string | undefined {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' ? code : undefined;
}

/** Why the system refused, and what to do; undefined for an error that is not from the system. */
export function systemCause(error: unknown): Cause | undefined {
  const code = systemCode(error);
  // Node's own errors begin with ERR_.
  if (code === undefined || !/^E[A-Z0-9]+$/.test(code)) return undefined;
  return causes[code] ?? ['RESOURCE_LIMIT_EXCEEDED', `the system refused it (${code}): see errno(3)`];
}

/**
 * An error for the user: a MaosError unchanged, or for a system error one that names the file and what to do. Null for
 * anything else, which is a bug.
 */
export function explained(error: unknown): MaosError | null {
  if (isMaosError(error)) return error;
  const cause = systemCause(error);
  if (cause === undefined) return null;
  const [code, why] = cause;
  const { path, syscall, code: system } = error as NodeJS.ErrnoException;
  if (syscall === undefined) return null;
  const doing = doings[syscall] ?? syscall;
  const what = path === undefined ? doing : `${doing} ${showPath(path)}`;
  return new MaosError(code, `Could not ${what}: ${why} (${system}).`, {
    details: { ...(path === undefined ? {} : { path }), system },
    cause: error,
  });
}

/** Like {@link explained}, when a bug must not end the rest. */
export function explainedOrDefect(error: unknown): MaosError {
  const said = error instanceof Error ? error.message : String(error);
  return explained(error) ?? new MaosError('INTERNAL', `This is a bug in MAOS: ${said}.`, { cause: error });
}
