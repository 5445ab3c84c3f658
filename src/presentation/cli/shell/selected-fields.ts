import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';

/**
 * The paths of `--fields a,b.c`.
 * @throws MaosError INVALID_INPUT
 */
export function fieldPaths(list: string): readonly string[] {
  const paths = list.split(',').map((path) => path.trim());
  const wrong = paths.find((path) => !/^[\w-]+(\.[\w-]+)*$/.test(path));
  if (wrong === undefined) return paths;
  throw new MaosError(
    'INVALID_INPUT',
    `--fields: ${quote(wrong)} is not a field. Separate names with commas, and write a nested field with a dot: state,agents.name.`,
    { details: { option: 'fields', value: startOf(list, 200) } },
  );
}

/**
 * The part of a JSON document at these paths. A path goes through lists to each of their elements, and a field that is
 * missing is null.
 */
export function selectFields(value: unknown, paths: readonly string[]): unknown {
  if (Array.isArray(value)) return value.map((element) => selectFields(element, paths));
  if (typeof value !== 'object' || value === null) return null;
  const deeper = new Map<string, string[]>();
  for (const path of paths) {
    const [key = '', ...rest] = path.split('.');
    deeper.set(key, [...(deeper.get(key) ?? []), rest.join('.')]);
  }
  return Object.fromEntries(
    [...deeper].map(([key, rest]) => {
      const field: unknown = Object.hasOwn(value, key) ? value[key as keyof typeof value] : null;
      return [key, rest.includes('') ? field : selectFields(field, rest)];
    }),
  );
}

/** What to say of fields that the document does not have; null: it has all of them. */
export function missingFields(value: unknown, paths: readonly string[]): string | null {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return null;
  const missing = paths.filter((path) => !Object.hasOwn(value, path.split('.')[0] ?? ''));
  if (missing.length === 0) return null;
  return `Not in this document: ${missing.join(', ')}. Its fields: ${Object.keys(value).join(', ')}.`;
}
