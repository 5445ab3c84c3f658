import * as z from 'zod';
import { nearest } from '../../domain/nearest.ts';
import type { Kind } from './kinds.ts';
import { required, type Setting } from './setting.ts';
import { escaped, shown } from './shown-value.ts';

type Fields = Readonly<Record<string, Setting<unknown>>>;
type Entry<F extends Fields> = { readonly [K in keyof F]: F[K] extends Setting<infer T> ? T : never };

/**
 * Objects of one shape, under names that the user chooses. Missing fields get the default of their setting, unless they
 * are {@link required}.
 * @param name which names are allowed
 * @param what names one entry: "program"
 * @param check reports a problem between fields that are valid individually, to follow the entry's path; null: none
 */
export function namedEntries<F extends Fields>(
  name: Kind<string>,
  what: string,
  fields: F,
  check: (entry: Entry<F>) => string | null = () => null,
): Kind<Readonly<Record<string, Entry<F>>>> {
  const keys = Object.keys(fields);
  const shape = Object.fromEntries(
    Object.entries(fields).map(([key, { kind, fallback }]) => [
      key,
      fallback === required ? kind.schema : kind.schema.default(fallback as never),
    ]),
  );
  const whole = z.strictObject(shape);
  const checked = whole.refine((entry) => check(entry as Entry<F>) === null);
  const schema = z.record(name.schema as z.ZodString, checked) as unknown as Kind<
    Readonly<Record<string, Entry<F>>>
  >['schema'];

  function wrongEntry(entry: unknown, path: string): string | null {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) {
      return `${path} is ${shown(entry)}; it must be an object with keys such as ${keys.join(', ')}.`;
    }
    const unknown = Object.keys(entry).find((key) => !Object.hasOwn(fields, key));
    if (unknown !== undefined) {
      const meant = nearest(unknown, keys);
      const hint = meant === null ? `known keys here: ${keys.join(', ')}.` : `did you mean ${meant}?`;
      return `${escaped(`${path}.${unknown}`)} is not a setting; ${hint}`;
    }
    for (const [key, { kind, fallback }] of Object.entries(fields)) {
      const value: unknown = Reflect.get(entry, key);
      if (value === undefined && fallback === required) {
        return `${path} has no "${key}"; it must be ${kind.allowed}.`;
      }
      if (value !== undefined && !kind.schema.safeParse(value).success) {
        return (
          kind.problem?.(value, `${path}.${key}`) ??
          `${path}.${key} is ${shown(value)}; it must be ${kind.allowed}.`
        );
      }
    }
    const problem = check(whole.parse(entry) as Entry<F>);
    return problem === null ? null : `${path}${problem}`;
  }

  function disclosedEntry(entry: Entry<F>): object {
    const values = Object.entries<unknown>(entry);
    return Object.fromEntries(
      values.map(([key, value]) => [key, fields[key]?.kind.disclosed?.(value) ?? value]),
    );
  }

  return {
    schema,
    allowed: `an object with one entry for each ${what}, by its name`,
    fromText: (text) => text,
    fields,
    disclosed: (entries) =>
      Object.fromEntries(Object.entries(entries).map(([key, entry]) => [key, disclosedEntry(entry)])),
    over: (below, entries) => ({ ...(below as object), ...(entries as object) }),
    problem(value, path) {
      if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
      for (const [key, entry] of Object.entries(value)) {
        if (!name.schema.safeParse(key).success)
          return `${path} has the key ${shown(key)}; it must be ${name.allowed}.`;
        const problem = wrongEntry(entry, `${path}.${key}`);
        if (problem !== null) return problem;
      }
      return null;
    },
  };
}
