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
import type { PlanProblem } from '../../../domain/plan-problem.ts';
import { checkInput, type InputProblem } from '../../contracts/parse-input.ts';
import { planFileInput } from '../../contracts/plan-input.ts';
import { readAll, tooLarge } from '../shell/read-stdin.ts';
import { faultsOf, faultyPlan, type PlanFault } from './plan-faults.ts';
import { salvage } from './plan-salvage.ts';
import { substitute } from './plan-variables.ts';

/** A larger file is not a plan. */
const maxBytes = 8 * 1024 * 1024;

/** Sources of a plan besides the command line. */
export interface PlanSource {
  readonly cwd: string;
  readonly stdin: NodeJS.ReadableStream;
  readonly parseText: ParseText;
}

/** A plan from a file. */
export interface PlanFile {
  /** What it asks for, without the values that are wrong. */
  readonly request: OrchestrateRequest;
  /** Whether some are, so that it cannot run. */
  readonly isFaulty: boolean;
  /** What looks like a mistake and is none for certain. */
  readonly remarks: readonly string[];
  /** Every fault with its place. @param problems what was found in the request */
  faults(problems: readonly PlanProblem[]): readonly PlanFault[];
  /** The error with all of them. */
  refusal(problems: readonly PlanProblem[]): MaosError;
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
): Promise<PlanFile> {
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
  const { value: written, positionOf } = await parsePlan(word, text, what, source.parseText);
  const { value, problems: ofVariables, remarks } = substitute(written, set);
  const checked = checkInput(planFileInput, value);
  const wrong = [...ofVariables, ...(checked.ok ? [] : checked.problems)];
  const { request, leftOut } = checked.ok
    ? { request: checked.data, leftOut: [] }
    : rest(value, checked.problems);
  const unusable = [...leftOut, ...ofVariables.map(({ path }) => path)];
  const faults: PlanFile['faults'] = (problems) => faultsOf(wrong, problems, unusable, positionOf);
  return {
    ...{ request, remarks, faults },
    isFaulty: wrong.length > 0,
    refusal: (problems) => faultyPlan(what, word, faults(problems)),
  };
}

/** What remains of a plan without the values that are wrong. */
function rest(
  plan: unknown,
  problems: readonly InputProblem[],
): { readonly request: OrchestrateRequest; readonly leftOut: readonly (readonly PropertyKey[])[] } {
  const { value, leftOut } = salvage(plan, problems);
  const checked = checkInput(planFileInput, value);
  if (checked.ok) return { request: checked.data, leftOut };
  // Whatever is found in this stands back behind the faults that are known.
  return { request: { objective: '' }, leftOut: [[]] };
}

async function parsePlan(
  word: string,
  text: string,
  what: string,
  parseText: ParseText,
): Promise<ParsedText> {
  const format = formatOfFile(word) ?? (await formatOf(text, parseText));
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

/** Null where the name does not tell. */
function formatOfFile(word: string): TextFormat | null {
  const extension = word === '-' ? '' : extname(word).toLowerCase();
  if (extension === '.yaml' || extension === '.yml') return 'yaml';
  return extension === '.json' || extension === '.jsonc' ? 'jsonc' : null;
}

/**
 * The format of a text without a telling name. If it is neither, its beginning decides which error to
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
