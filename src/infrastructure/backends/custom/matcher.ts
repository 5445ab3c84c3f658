import * as z from 'zod';
import type { Kind } from '../../config/kinds.ts';
import { asJson, type Json } from '../shared/json-values.ts';

/** Where to find a value in the output. */
export type Matcher =
  /** In a line: the first group of the expression, or the whole match. */
  | { readonly pattern: string }
  /** In a JSON record: the value at the path, if the record has the values of `where`. */
  | { readonly path: string; readonly where: Readonly<Record<string, string | number | boolean>> };

/** Keys and indexes, separated by dots: 'message.content.0.text'. */
const path = z.string().regex(/^[^.\s]+(\.[^.\s]+)*$/);

function isExpression(text: string): boolean {
  try {
    new RegExp(text, 'u');
    return true;
  } catch {
    return false;
  }
}

export const expression: Kind<string> = {
  schema: z.string().min(1).max(1_000).refine(isExpression),
  allowed: 'a regular expression',
  fromText: (text) => text,
};

export const matcher: Kind<Matcher> = {
  schema: z.union([
    z.strictObject({ pattern: expression.schema }),
    z.strictObject({
      path,
      where: z.record(path, z.union([z.string(), z.number(), z.boolean()])).default({}),
    }),
  ]) as unknown as z.ZodType<Matcher>,
  allowed:
    '{"pattern": "…"} with a regular expression, or {"path": "…", "where": {…}} with a path such as message.text',
  fromText: (text) => text,
};

/** Finds the value in a line; null if it has none. */
export function makeLineFinder(given: Matcher | null): (line: string) => string | null {
  if (given === null || !('pattern' in given)) return () => null;
  const regular = new RegExp(given.pattern, 'u');
  return (line) => {
    const found = regular.exec(line);
    return found === null ? null : (found[1] ?? found[0]);
  };
}

/** Finds the value in a record; null if it has none. */
export function makeRecordFinder(given: Matcher | null): (record: Json) => string | null {
  if (given === null || !('path' in given)) return () => null;
  const { path: place, where } = given;
  const conditions = Object.entries(where);
  return (record) => {
    if (!conditions.every(([key, value]) => at(record, key) === value)) return null;
    const found = at(record, place);
    if (typeof found === 'string') return found.toWellFormed();
    return typeof found === 'number' || typeof found === 'boolean' ? String(found) : null;
  };
}

function at(record: Json, place: string): unknown {
  let value: unknown = record;
  for (const key of place.split('.')) {
    const inner = asJson(value);
    value = Object.hasOwn(inner, key) ? inner[key] : undefined;
  }
  return value;
}
