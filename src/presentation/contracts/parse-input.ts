import type * as z from 'zod';
import { MaosError, quote } from '../../domain/errors.ts';

/**
 * Checks a value from outside against a schema.
 * @param what names the value in the message: 'orchestrate', 'plan.json'
 * @throws MaosError INVALID_INPUT naming every wrong place (at most ten) with what is allowed there
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap(describeIssue).slice(0, 10);
  throw new MaosError('INVALID_INPUT', `${what}: ${issues.join('; ')}.`, { details: { issues } });
}

type Issue = z.core.$ZodIssue;

function describeIssue(issue: Issue): readonly string[] {
  const place = issue.path.length === 0 ? '' : `${formatPath(issue.path)} `;
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => `${place}has an unknown key ${quote(key)}`);
  }
  if (issue.code === 'invalid_union') {
    const best = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? [];
    const nested = best.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] }) as Issue);
    return nested.length > 0 ? nested.flatMap(describeIssue) : [`${place}${issue.message}`];
  }
  const message = issue.message.startsWith('Invalid input: ') ? issue.message.slice(15) : issue.message;
  return [`${place}${lowerFirst(message)}`];
}

/** The alternative of a union that was understood furthest is the one the caller meant. */
function depth(issues: readonly Issue[]): number {
  return Math.max(0, ...issues.map((issue) => issue.path.length));
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
