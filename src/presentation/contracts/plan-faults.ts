import type { ParsedText } from '../../application/ports/parsed-text.ts';
import { plural } from '../../domain/amounts.ts';
import { type ErrorCode, MaosError } from '../../domain/errors.ts';
import type { PlanProblem } from '../../domain/plan-problem.ts';
import type { InputProblem } from './parse-input.ts';

type Path = readonly PropertyKey[];

/** Something wrong with a plan, where the file says it. */
export interface PlanFault {
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: Path;
  readonly line: number;
  readonly column: number;
}

const maxShown = 20;

/**
 * Every fault of a plan, in the order of its text.
 * @param wrong what its schema and its variables find
 * @param problems what is found in the plan without the wrong values; dropped where one of those may be the reason
 * @param leftOut the wrong values
 */
export function faultsOf(
  wrong: readonly InputProblem[],
  problems: readonly PlanProblem[],
  leftOut: readonly Path[],
  positionOf: ParsedText['positionOf'],
): readonly PlanFault[] {
  const meant = problems.filter(
    ({ restsOn }) => !restsOn.some((source) => leftOut.some((path) => isWithin(source, path))),
  );
  const all = [
    ...wrong.map(({ path, text }) => ({ code: 'INVALID_INPUT' as const, message: sentence(text), path })),
    ...meant.map(({ code, message, path }) => ({ code, message, path })),
  ];
  return all
    .map((fault) => ({ ...fault, ...positionOf(fault.path) }))
    .toSorted((a, b) => a.line - b.line || a.column - b.column);
}

/** @param faults at least one */
export function faultyPlan(what: string, file: string, faults: readonly PlanFault[]): MaosError {
  const lines = faults.map(({ line, column, message }) => `line ${line}, column ${column}: ${message}`);
  const [first] = faults;
  const codes = new Set(faults.map(({ code }) => code));
  const code = codes.size === 1 && first !== undefined ? first.code : 'INVALID_PLAN';
  const more = faults.length > maxShown ? [`… and ${plural(faults.length - maxShown, 'more')}`] : [];
  const message =
    faults.length === 1
      ? `${what}: ${lines[0]}`
      : [`${what} has ${faults.length} faults:`, ...lines.slice(0, maxShown), ...more].join('\n  ');
  return new MaosError(code, message, { details: { file, faults } });
}

/** A value and everything that its parts say: `*` stands for every agent. */
function isWithin(path: Path, outer: Path): boolean {
  return outer.every((part, at) => part === path[at] || part === '*' || path[at] === '*');
}

function sentence(problem: string): string {
  const text = problem.replace(/^has /, 'The plan has ');
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
