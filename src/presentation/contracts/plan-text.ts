import type { OrchestrateRequest } from '../../application/control/plan-request.ts';
import {
  type ParsedText,
  type ParseText,
  type TextFormat,
  TextFormatError,
} from '../../application/ports/parsed-text.ts';
import { MaosError } from '../../domain/errors.ts';
import type { PlanProblem } from '../../domain/plan-problem.ts';
import { checkInput, type InputProblem } from './parse-input.ts';
import { faultsOf, faultyPlan, type PlanFault } from './plan-faults.ts';
import { planFileInput } from './plan-input.ts';
import { salvage } from './plan-salvage.ts';
import { substitute } from './plan-variables.ts';

/** A plan that was written as text. */
export interface WrittenPlan {
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

/** Where a text comes from, for its errors. */
export interface PlanOrigin {
  /** Begins a sentence: 'The plan "team.yaml"'. */
  readonly what: string;
  /** As the caller named it. */
  readonly file: string;
  /** Null where the name does not tell. */
  readonly format: TextFormat | null;
}

/**
 * Reads a plan: JSON, optionally with comments and trailing commas, or YAML.
 * @param set values of its variables
 * @throws MaosError INVALID_INPUT: empty, or wrong format
 */
export async function readPlanText(
  text: string,
  origin: PlanOrigin,
  parseText: ParseText,
  set: ReadonlyMap<string, string> = new Map(),
): Promise<WrittenPlan> {
  const { what, file } = origin;
  if (text.trim() === '') {
    const example = '{"objective": "…", "agents": [{"role": "…", "task": "…"}]}';
    const message = `${what} is empty: it must be an object such as ${example}, in JSON or YAML.`;
    throw new MaosError('INVALID_INPUT', message, { details: { file } });
  }
  const { value: written, positionOf } = await parsePlan(text, origin, parseText);
  const { value, problems: ofVariables, remarks } = substitute(written, set);
  const checked = checkInput(planFileInput, value);
  const wrong = [...ofVariables, ...(checked.ok ? [] : checked.problems)];
  const { request, leftOut } = checked.ok
    ? { request: checked.data, leftOut: [] }
    : rest(value, checked.problems);
  const unusable = [...leftOut, ...ofVariables.map(({ path }) => path)];
  const faults: WrittenPlan['faults'] = (problems) => faultsOf(wrong, problems, unusable, positionOf);
  return {
    ...{ request, remarks, faults },
    isFaulty: wrong.length > 0,
    refusal: (problems) => faultyPlan(what, file, faults(problems)),
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
  text: string,
  { what, file, format: told }: PlanOrigin,
  parseText: ParseText,
): Promise<ParsedText> {
  const format = told ?? (await formatOf(text, parseText));
  try {
    return await parseText(text, format);
  } catch (error) {
    if (!(error instanceof TextFormatError)) throw error;
    const { line, column } = error.position;
    const name = format === 'yaml' ? 'YAML' : 'JSON';
    throw new MaosError(
      'INVALID_INPUT',
      `${what} is not valid ${name}: line ${line}, column ${column}: ${error.message}.`,
      { details: { file, line, column } },
    );
  }
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
