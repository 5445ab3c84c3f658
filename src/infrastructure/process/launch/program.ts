import { accessSync, constants, type Stats, statSync } from 'node:fs';
import { delimiter, isAbsolute } from 'node:path';
import { MaosError, quote } from '../../../domain/errors.ts';

/** The path that execvp(3) searches when PATH is not set. */
const defaultPath = '/usr/local/bin:/usr/bin:/bin';

/**
 * Finds a program as execvp(3) would, before the start. This allows a precise error, and the shell of the wrapper never
 * takes an absolute path for a builtin (`exit`, `eval`).
 *
 * Synchronous, like the spawn that follows.
 * @param program a path if it contains a slash (relative to `cwd`), otherwise a name to look up in `path`
 * @param path colon-separated folders; undefined for the system's default
 * @throws MaosError SPAWN_FAILED: `cwd` does not exist, or the program is missing, not executable or a directory
 */
export function resolveProgram(program: string, cwd: string, path: string | undefined): string {
  if (!statOf(cwd)?.isDirectory()) {
    throw new MaosError(
      'SPAWN_FAILED',
      `Cannot start ${quote(program)}: its working directory ${quote(cwd)} does not exist or is not a directory. Create it, or start the agent elsewhere.`,
      { details: { program, cwd } },
    );
  }
  const candidates = program.includes('/')
    ? [below(cwd, program)]
    : (path ?? defaultPath).split(delimiter).map((folder) => `${below(cwd, folder)}/${program}`);
  let problem: Problem = 'not_found';
  for (const candidate of program === '' ? [] : candidates) {
    const found = problemOf(candidate);
    if (found === null) return candidate;
    if (problem === 'not_found') problem = found;
  }
  throw new MaosError('SPAWN_FAILED', `Cannot start ${quote(program)}: ${explain(problem, program)}`, {
    details: { program, reason: problem, path: program.includes('/') ? null : (path ?? defaultPath) },
  });
}

/** Does not normalize: for the system, `x/../y` exists only if `x` is a folder. */
function below(folder: string, path: string): string {
  return isAbsolute(path) ? path : `${folder}/${path}`;
}

type Problem = 'not_found' | 'directory' | 'not_executable';

function problemOf(file: string): Problem | null {
  const stat = statOf(file);
  if (stat === null) return 'not_found';
  if (stat.isDirectory()) return 'directory';
  try {
    accessSync(file, constants.X_OK);
    return null;
  } catch {
    // Whatever the reason, this user cannot execute it.
    return 'not_executable';
  }
}

function explain(problem: Problem, program: string): string {
  switch (problem) {
    case 'directory':
      return 'it is a directory. Name the program in it.';
    case 'not_executable':
      return 'the file is not executable. Allow it with chmod +x, or name the interpreter that runs it.';
    case 'not_found':
      return program.includes('/')
        ? 'there is no such file. Check the path.'
        : 'there is no such program in the PATH. Install it, or give its full path.';
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(path);
  } catch {
    // Missing, or in a folder that this user may not enter: neither can be started.
    return null;
  }
}
