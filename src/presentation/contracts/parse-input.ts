import * as z from 'zod';
import type { ParsedText } from '../../application/ports/parsed-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';

/**
 * Validates an external value against a schema.
 * @param what names the value in the message: 'orchestrate', 'plan.json'
 * @param positionOf for a value from a file, to name each wrong place with line and column
 * @throws MaosError INVALID_INPUT naming every wrong place (at most ten) and what is allowed there
 */
export function parseInput<T>(
  schema: z.ZodType<T>,
  value: unknown,
  what: string,
  positionOf?: ParsedText['positionOf'],
): T {
  const knownKeys: KnownKeys = new WeakMap();
  const parsed = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) {
        knownKeys.set(issue.keys as readonly string[], Object.keys(issue.inst.shape));
      }
      return undefined;
    },
  });
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.flatMap((issue) => describeIssue(issue, knownKeys)).slice(0, 10);
  const issues = problems.map(({ path, text }) => {
    if (positionOf === undefined) return text;
    const { line, column } = positionOf(path);
    return `line ${line}, column ${column}: ${text}`;
  });
  throw new MaosError('INVALID_INPUT', `${what}: ${issues.join('; ')}.`, { details: { issues } });
}

type Issue = z.core.$ZodIssue;

/** The allowed keys of an object, by Zod's list of unknown ones, which is all that the issue contains. */
type KnownKeys = WeakMap<readonly string[], readonly string[]>;

interface Problem {
  readonly path: readonly PropertyKey[];
  readonly text: string;
}

function describeIssue(issue: Issue, knownKeys: KnownKeys): readonly Problem[] {
  const { path } = issue;
  const place = path.length === 0 ? '' : `${formatPath(path)} `;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys.get(issue.keys) ?? [];
    return issue.keys.map((key) => ({
      path: [...path, key],
      text: `${place}has an unknown key ${quote(key)}${hintFor(key, known)}`,
    }));
  }
  if (issue.code === 'invalid_union') {
    const best = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? [];
    const nested = best.map((inner) => ({ ...inner, path: [...path, ...inner.path] }) as Issue);
    if (nested.length > 0) return nested.flatMap((inner) => describeIssue(inner, knownKeys));
    return [{ path, text: `${place}${issue.message}` }];
  }
  const message = issue.message.startsWith('Invalid input: ') ? issue.message.slice(15) : issue.message;
  const missing = /^(expected .*), received undefined$/.exec(message)?.[1];
  const text = missing === undefined ? lowerFirst(message) : `is missing: ${missing}`;
  return [{ path, text: `${place}${text}` }];
}

function hintFor(key: string, known: readonly string[]): string {
  const meant = nearest(key, known);
  if (meant !== null) return ` (did you mean ${quote(meant)}?)`;
  return known.length === 0 ? '' : ` (known keys: ${known.join(', ')})`;
}

/** The caller most likely meant the alternative of a union that fits to the greatest depth; least, one of another type. */
function depth(issues: readonly Issue[]): number {
  return Math.max(
    -1,
    ...issues.map(({ code, path }) => (code === 'invalid_type' && path.length === 0 ? -1 : path.length)),
  );
}

function formatPath(path: readonly PropertyKey[]): string {
  return path
    .map((part, index) => (typeof part === 'number' ? `[${part}]` : `${index > 0 ? '.' : ''}${String(part)}`))
    .join('');
}

function lowerFirst(message: string): string {
  return message.charAt(0).toLowerCase() + message.slice(1);
}
