import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { ParseText, TextFormat } from '../../../application/ports/parsed-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { readPlanText, type WrittenPlan } from '../../contracts/plan-text.ts';
import { readAll, tooLarge } from '../shell/read-stdin.ts';

/** A larger file is not a plan. */
const maxBytes = 8 * 1024 * 1024;

/** Sources of a plan besides the command line. */
export interface PlanSource {
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly parseText: ParseText;
}

/**
 * Reads a plan from a file, or from stdin for `-`: JSON, optionally with comments and trailing commas, or YAML.
 * @param set values of its variables
 * @throws MaosError INVALID_INPUT: no such file, or wrong format
 */
export async function readPlanFile(
  word: string,
  source: PlanSource,
  set: ReadonlyMap<string, string> = new Map(),
): Promise<WrittenPlan> {
  const what = word === '-' ? 'The plan on stdin' : `The plan ${quote(word)}`;
  const text = (
    word === '-'
      ? await readAll(source.stdin, what, maxBytes)
      : await readText(resolve(source.cwd, word), what)
  ).replace(/^\ufeff/, '');
  const origin = { what, file: word, format: formatOfFile(word) };
  return readPlanText(text, origin, source.parseText, set);
}

/** Null where the name does not tell. */
function formatOfFile(word: string): TextFormat | null {
  const extension = word === '-' ? '' : extname(word).toLowerCase();
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  return extension === '.json' || extension === '.jsonc' ? 'jsonc' : null;
}

async function readText(path: string, what: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > maxBytes) throw tooLarge(what, maxBytes);
    return bytes.toString();
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const wrong: Readonly<Record<string, string>> = {
      ENOENT: 'does not exist: check the spelling and the current folder',
      EISDIR: 'is a folder: name the file in it',
      EACCES: 'cannot be read by this user: add the permission (chmod u+r)',
    };
    throw new MaosError('INVALID_INPUT', `${what} ${wrong[code ?? ''] ?? `cannot be read (${code})`}.`, {
      details: { file: path, code },
      cause: error,
    });
  }
}
