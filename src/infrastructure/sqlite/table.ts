import type { SQLInputValue } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import type { Documents, RecordShape, Shape, TextForm } from '../stored-shape.ts';

/**
 * A row as node:sqlite returns it. STRICT tables and CHECK constraints guarantee types and states; JSON is checked
 * here.
 */
export type Row = Readonly<Record<string, unknown>>;

/** How one field of a record is stored: its columns, and the conversion in both directions. */
export interface Field<V> {
  readonly columns: readonly string[];
  /** One value per column. */
  readonly toSql: (value: V) => readonly SQLInputValue[];
  /**
   * @param where names the record in an error message
   * @throws MaosError STORE_CORRUPT
   */
  readonly fromSql: (row: Row, where: string) => V;
  readonly shape: Shape;
  /** Stored without a column of its own: see {@link option}. */
  readonly isOption?: true;
}

/** Requires every field of a record: a missing one does not compile. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** Reads and writes the records of a table; derived from the declaration of their fields. */
export interface Table<T> {
  readonly shape: RecordShape;
  /** `a, b` for SELECT and INSERT. */
  readonly columns: string;
  /** `?, ?` for INSERT. */
  readonly placeholders: string;
  /** `a = ?, b = ?` for UPDATE. */
  readonly assignments: string;
  readonly toSql: (record: T) => readonly SQLInputValue[];
  /** @throws MaosError STORE_CORRUPT */
  readonly fromSql: (row: Row) => T;
}

/**
 * @param whereOf names a row in an error message
 * @param options the column for fields without a column of their own; null: none
 */
export function table<T extends object>(
  fields: Fields<T>,
  whereOf: (row: Row) => string,
  options: string | null = null,
): Table<T> {
  const all = entriesOf(fields);
  const record = group(Object.fromEntries(all.filter(([, field]) => !field.isOption)) as Fields<T>);
  const optional = group(Object.fromEntries(all.filter(([, field]) => field.isOption)) as Fields<T>);
  const columns = options === null ? record.columns : [...record.columns, options];
  return {
    shape: group(fields).shape,
    columns: columns.join(', '),
    placeholders: columns.map(() => '?').join(', '),
    // Merged, so that options of other versions are kept.
    assignments: columns
      .map((name) => (name === options ? `${name} = json_patch(coalesce(${name}, '{}'), ?)` : `${name} = ?`))
      .join(', '),
    toSql(given) {
      if (options === null) return record.toSql(given);
      const values = optional.toSql(given);
      const said = optional.columns.flatMap((name, index) => {
        const value = values[index];
        return value === null ? [] : [[name, value]];
      });
      return [...record.toSql(given), JSON.stringify(Object.fromEntries(said))];
    },
    fromSql(row) {
      const where = whereOf(row);
      const read = record.fromSql(row, where);
      if (optional.columns.length === 0 || options === null) return read;
      const said = row[options] === null ? {} : parseJson<Row>(row[options], where);
      return { ...read, ...optional.fromSql(said, where) };
    },
  };
}

/** Object.entries loses the types; each value still belongs to the field of its key. */
function entriesOf<T extends object>(fields: Fields<T>): readonly [keyof T & string, Field<unknown>][] {
  return Object.entries(fields) as [keyof T & string, Field<unknown>][];
}

/** A record within a record, each of its fields in its own columns. */
export function group<T extends object>(fields: Fields<T>): Field<T> & { readonly shape: RecordShape } {
  const all = entriesOf(fields);
  return {
    columns: all.flatMap(([, field]) => field.columns),
    toSql: (record) => all.flatMap(([key, field]) => field.toSql(record[key])),
    fromSql(row, where) {
      const record: Record<string, unknown> = {};
      for (const [key, field] of all) record[key] = field.fromSql(row, where);
      return record as T;
    },
    shape: { type: 'record', members: Object.fromEntries(all.map(([key, { shape }]) => [key, shape])) },
  };
}

function column<V>(
  name: string,
  shape: Shape,
  toSql: (value: V) => SQLInputValue,
  fromSql: (value: unknown, where: string) => V = (value) => value as V,
): Field<V> {
  return {
    columns: [name],
    toSql: (value) => [toSql(value)],
    fromSql: (row, where) => fromSql(row[name], where),
    shape,
  };
}

/**
 * Problem: on older supported Nodes (22.13), text read from SQLite ends at its first NUL, and agents do print NULs.
 * Solution: store the replacement character instead. JSON columns need no replacement, because JSON escapes it.
 */
function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

/** @param form validation of text read from a file; text that this process stores was validated before */
export function text<V extends string>(name: string, form: TextForm = {}): Field<V> {
  return column<V>(name, { type: 'text', ...form }, withoutNul);
}

/** ISO 8601 in UTC, with milliseconds. */
export function time(name: string): Field<string> {
  return column<string>(name, { type: 'time' }, (value) => value);
}

export function choice<V extends string>(name: string, values: readonly V[]): Field<V> {
  return column<V>(name, { type: 'choice', values }, (value) => value);
}

/** A whole number, not negative by default. */
export function integer(name: string, { min = 0 } = {}): Field<number> {
  return column<number>(name, { type: 'integer', min }, (value) => value);
}

/** A limit, of which 0 in the table means that there is none. */
export function zeroAsNull(name: string): Field<number | null> {
  const stored = integer(name);
  return {
    ...stored,
    toSql: (value) => stored.toSql(value ?? 0),
    fromSql: (row, where) => stored.fromSql(row, where) || null,
    shape: { ...stored.shape, nullable: true },
  };
}

export function real(name: string): Field<number> {
  return column<number>(name, { type: 'number' }, (value) => value);
}

/** JSON of a known shape, which is validated when it is read from a file. */
export function document<K extends keyof Documents>(name: string, kind: K): Field<Documents[K]> {
  return { ...json<Documents[K]>(name), shape: { type: 'document', kind } };
}

/** Any JSON. */
export function json<V>(name: string): Field<V> {
  return column<V>(name, { type: 'json' }, (value) => JSON.stringify(value), parseJson<V>);
}

export function nullable<V>(field: Field<V>): Field<V | null> {
  return {
    columns: field.columns,
    toSql: (value) => (value === null ? field.columns.map(() => null) : field.toSql(value)),
    // A record is null when its first column is.
    fromSql: (row, where) => (row[field.columns[0] as string] === null ? null : field.fromSql(row, where)),
    shape: { ...field.shape, nullable: true },
  };
}

/** A field that stores some values as null, such as a budget without any cap. */
export function emptyAsNull<V>(
  field: Field<V>,
  isEmpty: (value: V) => boolean,
  read: (value: V | null) => V,
): Field<V> {
  const inner = nullable(field);
  return {
    ...field,
    toSql: (value) => inner.toSql(isEmpty(value) ? null : value),
    fromSql: (row, where) => read(inner.fromSql(row, where)),
  };
}

/**
 * A field that no query uses, and that older versions of the same schema may ignore. It is null unless set, and is
 * stored in the table's options column, so it needs no migration. Once set, it never becomes null again.
 */
export function option<V>(field: Field<V>): Field<V | null> {
  const inner = since<V | null>(null, nullable(field));
  return {
    ...inner,
    isOption: true,
    fromSql: (said, where) =>
      said[field.columns[0] as string] === undefined ? null : inner.fromSql(said, where),
  };
}

/** A field that records of earlier versions lack. In a table, the column's default replaces it. */
export function since<V>(missing: V, field: Field<V>): Field<V> {
  return { ...field, shape: { ...field.shape, missing } };
}

/** @throws MaosError STORE_CORRUPT */
export function parseJson<T>(value: unknown, where: string): T {
  try {
    return JSON.parse(String(value)) as T;
  } catch (cause) {
    throw new MaosError('STORE_CORRUPT', `${where} is not valid JSON. Restore a backup of the database.`, {
      details: { where },
      cause,
    });
  }
}
