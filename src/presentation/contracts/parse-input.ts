import * as z from 'zod';
import { MaosError, quote } from '../../domain/errors.ts';
import { nearest } from '../../domain/nearest.ts';

/** A wrong place in an external value. */
export interface InputProblem {
  readonly path: readonly PropertyKey[];
  /** Begins with the place: `agents[0].task is missing: expected string`. */
  readonly text: string;
  /** For an unknown key: the one that was probably meant. */
  readonly meant?: string;
}

/**
 * Validates an external value against a schema.
 * @param what names the value in the message: 'orchestrate', 'body'
 * @throws MaosError INVALID_INPUT naming every wrong place (at most ten) and what is allowed there
 */
export function parseInput<T>(schema: z.ZodType<T>, value: unknown, what: string): T {
  const checked = checkInput(schema, value);
  if (checked.ok) return checked.data;
  const issues = checked.problems.slice(0, 10).map(({ text }) => text);
  throw new MaosError('INVALID_INPUT', `${what}: ${issues.join('; ')}.`, { details: { issues } });
}

/** Validates an external value against a schema, for callers that report every wrong place themselves. */
export function checkInput<T>(
  schema: z.ZodType<T>,
  value: unknown,
):
  | { readonly ok: true; readonly data: T }
  | { readonly ok: false; readonly problems: readonly InputProblem[] } {
  const knownKeys: KnownKeys = new WeakMap();
  const parsed = schema.safeParse(value, {
    error: (issue) => {
      if (issue.code === 'unrecognized_keys' && issue.inst instanceof z.ZodObject) {
        knownKeys.set(issue.keys as readonly string[], Object.keys(issue.inst.shape));
      }
      return undefined;
    },
  });
  if (parsed.success) return { ok: true, data: parsed.data };
  return { ok: false, problems: parsed.error.issues.flatMap((issue) => describeIssue(issue, knownKeys)) };
}

type Issue = z.core.$ZodIssue;

/** The allowed keys of an object, by Zod's list of unknown ones, which is all that the issue contains. */
type KnownKeys = WeakMap<readonly string[], readonly string[]>;

function describeIssue(issue: Issue, knownKeys: KnownKeys): readonly InputProblem[] {
  const { path } = issue;
  const place = path.length === 0 ? '' : `${formatPath(path)} `;
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys.get(issue.keys) ?? [];
    return issue.keys.map((key) => {
      const meant = nearest(key, known);
      return {
        path: [...path, key],
        text: `${place}has an unknown key ${quote(key)}${hintFor(meant, known)}`,
        ...(meant === null ? {} : { meant }),
      };
    });
  }
  if (issue.code === 'invalid_union') {
    const best = issue.errors.toSorted((a, b) => depth(b) - depth(a))[0] ?? [];
    const nested = best.map((inner) => ({ ...inner, path: [...path, ...inner.path] }) as Issue);
    if (nested.length > 0) return nested.flatMap((inner) => describeIssue(inner, knownKeys));
    return [{ path, text: `${place}${issue.message}` }];
  }
  if (issue.code === 'invalid_key') {
    return [
      { path, text: `${place}has a key that is not valid: ${lowerFirst(issue.issues[0]?.message ?? '')}` },
    ];
  }
  const message = issue.message.startsWith('Invalid input: ') ? issue.message.slice(15) : issue.message;
  const missing = /^(expected .*), received undefined$/.exec(message)?.[1];
  const text = missing === undefined ? lowerFirst(message) : `is missing: ${missing}`;
  return [{ path, text: `${place}${text}` }];
}

function hintFor(meant: string | null, known: readonly string[]): string {
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
