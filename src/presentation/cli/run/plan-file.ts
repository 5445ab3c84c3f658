import { readFile } from 'node:fs/promises';
import { extname, resolve } from 'node:path';
import type { OrchestrateRequest } from '../../../application/control/plan-request.ts';
import {
  type ParsedText,
  type ParseText,
  type TextFormat,
  TextFormatError,
} from '../../../application/ports/parsed-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { planInput } from '../../contracts/plan-input.ts';
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
 * @throws MaosError INVALID_INPUT: no such file, wrong format, or not a plan (naming every wrong place)
 */
export async function readPlanFile(word: string, source: PlanSource): Promise<OrchestrateRequest> {
  const what = word === '-' ? 'The plan on stdin' : `The plan ${quote(word)}`;
  const text = (
    word === '-'
      ? await readAll(source.stdin, what, maxBytes)
      : await readText(resolve(source.cwd, word), what)
  ).replace(/^\ufeff/, '');
  if (text.trim() === '') {
    const example = '{"objective": "…", "agents": [{"role": "…", "task": "…"}]}';
    const message = `${what} is empty: it must be an object such as ${example}, in JSON or YAML.`;
    throw new MaosError('INVALID_INPUT', message, { details: { file: word } });
  }
  const { value, positionOf } = await parsePlan(word, text, what, source.parseText);
  return parseInput(planInput, withoutSchema(value), what, positionOf);
}

/** `$schema` is for the editor. */
function withoutSchema(value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !('$schema' in value)) return value;
  const { $schema, ...plan } = value;
  return typeof $schema === 'string' ? plan : value;
}

async function parsePlan(
  word: string,
  text: string,
  what: string,
  parseText: ParseText,
): Promise<ParsedText> {
  const format = word === '-' ? await formatOf(text, parseText) : formatOfFile(word);
  try {
    return await parseText(text, format);
  } catch (error) {
    if (!(error instanceof TextFormatError)) throw error;
    const { line, column } = error.position;
    const name = format === 'yaml' ? 'YAML' : 'JSON';
    throw new MaosError(
      'INVALID_INPUT',
      `${what} is not valid ${name}: line ${line}, column ${column}: ${error.message}.`,
      { details: { file: word, line, column } },
    );
  }
}

function formatOfFile(path: string): TextFormat {
  return /^\.ya?ml$/i.test(extname(path)) ? 'yaml' : 'jsonc';
}

/**
 * The format on stdin can only be recognised from the text. If it is neither, its beginning decides which error to
 * report.
 */
async function formatOf(text: string, parseText: ParseText): Promise<TextFormat> {
  const others: readonly TextFormat[] = ['jsonc', 'yaml'];
  for (const format of others) {
    const fits = await parseText(text, format).then(
      () => true,
      () => false,
    );
    if (fits) return format;
  }
  return /^\s*[{[/]/.test(text) ? 'jsonc' : 'yaml';
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
