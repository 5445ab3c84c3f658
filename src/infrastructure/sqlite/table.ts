import type { SQLInputValue } from 'node:sqlite';
import { MaosError } from '../../domain/errors.ts';
import type { Documents, RecordShape, Shape, TextForm } from '../stored-shape.ts';

/** A row as node:sqlite returns it. STRICT tables and CHECK constraints hold types and states; JSON is checked here. */
export type Row = Readonly<Record<string, unknown>>;

/** How one field of a record is stored: its columns, and the way there and back. */
export interface Field<V> {
  readonly columns: readonly string[];
  /** A value for each column. */
  readonly toSql: (value: V) => readonly SQLInputValue[];
  /**
   * @param where names the record in an error
   * @throws MaosError STORE_CORRUPT
   */
  readonly fromSql: (row: Row, where: string) => V;
  readonly shape: Shape;
  /** It has no column of its own: see {@link option}. */
  readonly isOption?: true;
}

/** Of every field of a record: a field that is not declared does not compile. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<T[K]> };

/** What reads and writes the records of a table; made from the one declaration of its fields. */
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
 * @param whereOf names a row in an error
 * @param options the column that holds the fields without a column of their own; null: there is none
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
    // What another version has put there stays.
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

/** Each value belongs to the field it is given to: the compiler forgets that where keys become strings. */
function entriesOf<T extends object>(fields: Fields<T>): readonly [keyof T & string, Field<unknown>][] {
  return Object.entries(fields) as [keyof T & string, Field<unknown>][];
}

/** A record within a record, each of its fields in columns of its own. */
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
 * Problem: on older supported Nodes, text read from SQLite ends at its first NUL (Node 22.13), and agents do print NULs.
 * Solution: store the replacement character instead. JSON columns need none of this: JSON escapes it.
 */
function withoutNul(text: string): string {
  return text.includes('\0') ? text.replaceAll('\0', '\uFFFD') : text;
}

/** @param form what a text in a file must look like; what this process stores was checked before */
export function text<V extends string>(name: string, form: TextForm = {}): Field<V> {
  return column<V>(name, { type: 'text', ...form }, withoutNul);
}

/** ISO 8601 UTC with milliseconds. */
export function time(name: string): Field<string> {
  return column<string>(name, { type: 'time' }, (value) => value);
}

export function choice<V extends string>(name: string, values: readonly V[]): Field<V> {
  return column<V>(name, { type: 'choice', values }, (value) => value);
}

/** A whole number, by default not negative. */
export function integer(name: string, { min = 0 } = {}): Field<number> {
  return column<number>(name, { type: 'integer', min }, (value) => value);
}

export function real(name: string): Field<number> {
  return column<number>(name, { type: 'number' }, (value) => value);
}

/** JSON of a shape that files are held against. */
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
    // A record is null where its first column is.
    fromSql: (row, where) => (row[field.columns[0] as string] === null ? null : field.fromSql(row, where)),
    shape: { ...field.shape, nullable: true },
  };
}

/** A field of which some values are stored as null, such as a budget without any cap. */
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
 * A field that no query asks about, and that need not keep an earlier maos of the same schema away: it is null where nobody
 * asked for it, and stands in the table's column of options, so that it needs no migration. It never becomes null again.
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

/** A field that records written by earlier versions do not have. In a table, its column's default stands for it. */
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
