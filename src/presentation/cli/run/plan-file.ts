import { readFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import type { OrchestrateRequest } from '../../../application/control/orchestrate.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { planInput } from '../../contracts/plan-input.ts';
import type { FindJsonError } from '../command.ts';

/** Larger files are no plans. */
const maxBytes = 8 * 1024 * 1024;

/** Where a plan may come from besides the command line's own words. */
export interface PlanSource {
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly findJsonError: FindJsonError;
}

/**
 * The plan in a JSON file, or on stdin for `-`.
 * @throws MaosError INVALID_INPUT: no such file, not JSON (with line and column), not a plan (naming every wrong place)
 */
export async function readPlanFile(word: string, source: PlanSource): Promise<OrchestrateRequest> {
  const what = word === '-' ? 'The plan on stdin' : `The plan ${quote(word)}`;
  const text = (
    word === '-' ? await readAll(source.stdin, what) : await readText(resolve(source.cwd, word), what)
  ).replace(/^\ufeff/, '');
  const place = source.findJsonError(text);
  if (place !== null) {
    const empty = text.trim() === '';
    throw new MaosError(
      'INVALID_INPUT',
      empty
        ? `${what} is empty: it must be a JSON object such as {"objective": "…", "agents": [{"role": "…", "task": "…"}]}.`
        : `${what} is not JSON: line ${place.line}, column ${place.column} is not what JSON allows there.`,
      { details: { file: word, ...place } },
    );
  }
  return parseInput(planInput, JSON.parse(text), what);
}

async function readText(path: string, what: string): Promise<string> {
  try {
    const bytes = await readFile(path);
    if (bytes.length > maxBytes) throw tooLarge(what);
    return bytes.toString();
  } catch (error) {
    if (error instanceof MaosError) throw error;
    const { code } = error as NodeJS.ErrnoException;
    const wrong: Readonly<Record<string, string>> = {
      ENOENT: 'does not exist: check the spelling and the current folder',
      EISDIR: 'is a folder: name the file in it',
      EACCES: 'may not be read by this user: give yourself permission (chmod u+r)',
    };
    throw new MaosError('INVALID_INPUT', `${what} ${wrong[code ?? ''] ?? `cannot be read (${code})`}.`, {
      details: { file: path, code },
      cause: error,
    });
  }
}

async function readAll(stdin: NodeJS.ReadableStream, what: string): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) throw tooLarge(what);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

function tooLarge(what: string): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `${what} is larger than ${maxBytes / 1024 / 1024} MiB, which no plan is.`,
  );
}
