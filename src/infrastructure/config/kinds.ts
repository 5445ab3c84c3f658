import { isAbsolute } from 'node:path';
import * as z from 'zod';
import { quote } from '../../domain/errors.ts';

interface EntryField {
  readonly kind: Kind<unknown>;
  readonly fallback: unknown;
  readonly description: string;
}

/** The values that a setting accepts: validated by `schema`, described to people by `allowed`. */
export interface Kind<T> {
  readonly schema: z.ZodType<T>;
  /** Completes "it must be": "a whole number from 1 to 5". */
  readonly allowed: string;
  /** Converts the text of an environment variable; returns text that it cannot convert unchanged. */
  readonly fromText: (text: string) => unknown;
  /** A more precise message for an invalid value than `allowed` gives; null: there is none. */
  readonly problem?: (value: unknown, path: string) => string | null;
  /** The value in a form that may be shown, if it can contain a secret. */
  disclosed?(value: T): unknown;
  /** What each entry consists of, if the value has entries by name. */
  readonly fields?: Readonly<Record<string, EntryField>>;
  /** Merges the value with that of the previous source; default: it replaces it. */
  readonly over?: (below: unknown, value: unknown) => unknown;
}

const asText = (text: string): unknown => text;

function asNumber(text: string): unknown {
  return /^[+-]?(\d+\.?\d*|\.\d+)$/.test(text.trim()) ? Number(text) : text;
}

/** Both bounds are inclusive. */
export function wholeNumber(least: number, most: number): Kind<number> {
  return {
    schema: z.int().min(least).max(most),
    allowed: `a whole number from ${least} to ${most}`,
    fromText: asNumber,
  };
}

/** Both bounds are inclusive; fractions are allowed. */
export function number(least: number, most: number): Kind<number> {
  return {
    schema: z.number().min(least).max(most),
    allowed: `a number from ${least} to ${most}`,
    fromText: asNumber,
  };
}

export function oneOf<const T extends string>(values: readonly T[]): Kind<T> {
  return { schema: z.enum(values), allowed: `one of ${values.join(', ')}`, fromText: asText };
}

export const trueOrFalse: Kind<boolean> = {
  schema: z.boolean(),
  allowed: 'true or false',
  fromText: (text) => ({ true: true, false: false })[text.trim().toLowerCase()] ?? text,
};

/** @param allowed describes what `pattern` accepts */
export function textLike(pattern: RegExp, allowed: string): Kind<string> {
  return { schema: z.string().regex(pattern), allowed, fromText: asText };
}

export const absolutePath: Kind<string> = {
  schema: z.string().refine((path) => isAbsolute(path) && !path.includes('\0')),
  allowed: 'an absolute path',
  fromText: asText,
};

/** @param what names one entry: "command" */
export function listOfTexts(what: string): Kind<readonly string[]> {
  return {
    schema: z
      .array(
        z
          .string()
          .min(1)
          .max(4_096)
          .regex(/^[^\0]*$/),
      )
      .max(1_000),
    allowed: `a list of at most 1000 texts, each one ${what} of 1 to 4096 characters`,
    // Lists can only be set in files: every separator could be part of an entry.
    fromText: asText,
  };
}

/** @param most maximum length */
export function listOf<T>(kind: Kind<T>, most: number): Kind<readonly T[]> {
  return {
    schema: z.array(kind.schema).max(most),
    allowed: `a list of at most ${most}, each ${kind.allowed}`,
    fromText: asText,
  };
}

/** A value of the kind, or none: null in a file, `none` in a variable. */
export function orNone<T>(kind: Kind<T>): Kind<T | null> {
  return {
    schema: kind.schema.nullable(),
    allowed: `${kind.allowed}, or null`,
    fromText: (text) => (text.trim() === 'none' ? null : kind.fromText(text)),
    ...(kind.problem === undefined ? {} : { problem: kind.problem }),
    ...(kind.disclosed === undefined
      ? {}
      : { disclosed: (value: T | null) => (value === null ? null : kind.disclosed?.(value)) }),
  };
}

const variableName = z.string().regex(/^(?!MAOS_)[A-Za-z_][A-Za-z0-9_]{0,199}$/);
const variableValue = z
  .string()
  .max(32_000)
  .regex(/^[^\0]*$/);

/** Settings may not change MAOS's own variables. Values are never shown, because they may be keys. */
export const variables: Kind<Readonly<Record<string, string>>> = {
  schema: z.record(variableName, variableValue),
  allowed: 'an object of texts by names of variables',
  fromText: (text) => text,
  problem(value, path) {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
    const wrong = Object.keys(value).find((name) => !variableName.safeParse(name).success);
    if (wrong !== undefined) {
      return `${path} has the key ${quote(wrong)}; it must be the name of a variable that does not begin with MAOS_.`;
    }
    const [name = ''] =
      Object.entries(value).find(([, text]) => !variableValue.safeParse(text).success) ?? [];
    return `${path}.${name} must be a text of at most 32,000 characters.`;
  },
  disclosed: (value) => Object.fromEntries(Object.keys(value).map((name) => [name, '[not shown]'])),
};
