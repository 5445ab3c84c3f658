import type { SuiteReport } from './suite.ts';

/** The result of a suite in scenarios, and its deviations. */
export interface Verdict {
  readonly passed: number;
  readonly failed: number;
  /** Number of failed scenarios that were expected to fail. */
  readonly expected: number;
  /** Number of checks in the scenarios that passed. */
  readonly checks: number;
  readonly deviations: readonly string[];
}

/** @returns the scenarios that a baseline file of the conformance tool lists */
export function scenariosIn(baseline: string): readonly string[] {
  return [...baseline.matchAll(/^\s*- ([\w-]+)/gm)].map(([, name]) => name as string);
}

/**
 * Compares a suite's result with the expected one. Stricter than the tool itself, which ignores scenarios that it runs
 * without scoring, scenarios that throw, and unknown names in the baseline.
 * @param expected scenarios that must fail, or check nothing
 */
export function judge(
  { scenarios, announced, status, stderr }: SuiteReport,
  expected: readonly string[],
): Verdict {
  const failing = scenarios.filter(({ failures }) => failures.length > 0);
  const passing = scenarios.filter(({ failures }) => failures.length === 0);
  const unexpected = failing.filter(({ name }) => !expected.includes(name));
  const deviations = unexpected.map(({ name, failures }) => `${name} failed: ${failures.join('; ')}`);
  for (const name of expected) {
    if (passing.some((scenario) => scenario.name === name && scenario.passed > 0)) {
      deviations.push(`${name} passed: take it from the baseline`);
    } else if (!scenarios.some((scenario) => scenario.name === name)) {
      deviations.push(`${name} was not run: take it from the baseline`);
    }
  }
  for (const { name, passed } of passing) {
    if (passed === 0 && !expected.includes(name)) deviations.push(`${name} checked nothing`);
  }
  if (scenarios.length === 0 || scenarios.length !== announced) {
    deviations.push(`${scenarios.length} of ${announced} scenarios were run`);
  }
  if (status !== 0) deviations.push(`the tool itself ended with ${status}. ${stderr.slice(-500)}`);
  return {
    passed: passing.length,
    failed: failing.length,
    expected: failing.length - unexpected.length,
    checks: passing.reduce((sum, { passed }) => sum + passed, 0),
    deviations,
  };
}
