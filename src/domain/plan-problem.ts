import { type ErrorCode, MaosError } from './errors.ts';

/** A place in a plan, by its keys: `['agents', 1, 'depends_on', 0]`. */
export type PlanPath = readonly (string | number)[];

/** One thing that is wrong with a plan. */
export interface PlanProblem {
  readonly code: ErrorCode;
  readonly message: string;
  readonly path: PlanPath;
  readonly details: Readonly<Record<string, unknown>>;
  /** Values without which this could not have been found; `*` stands for every agent. */
  readonly restsOn: readonly PlanPath[];
}

/** A plan that is refused, with everything that is wrong with it. */
export class RefusedPlan extends MaosError {
  readonly problems: readonly PlanProblem[];

  /** @param problems at least one */
  constructor(problems: readonly [PlanProblem, ...PlanProblem[]]) {
    const [first, ...others] = problems;
    const isAlone = others.length === 0;
    const code = others.every((other) => other.code === first.code) ? first.code : 'INVALID_PLAN';
    const shown = problems.slice(0, maxShown).map(({ message }) => message);
    const more = problems.length - shown.length;
    const message = `The plan has ${problems.length} problems: ${shown.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`;
    super(isAlone ? first.code : code, isAlone ? first.message : message, {
      details: isAlone ? first.details : { problems: problems.slice(0, maxShown).map(problemView) },
    });
    this.problems = problems;
  }
}

/** A plan of 500 agents can be wrong 500 times. */
const maxShown = 20;

function problemView({ code, message, path }: PlanProblem) {
  return { code, message, path };
}

/** @throws RefusedPlan if there are any */
export function refuseProblems(problems: Iterable<PlanProblem>): void {
  const [first, ...others] = problems;
  if (first !== undefined) throw new RefusedPlan([first, ...others]);
}

export function invalidPlan(
  message: string,
  path: PlanPath,
  details: Readonly<Record<string, unknown>>,
  restsOn: readonly PlanPath[] = [],
): PlanProblem {
  return { code: 'INVALID_PLAN', message, path, details, restsOn };
}
