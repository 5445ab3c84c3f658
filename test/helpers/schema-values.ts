import type { Json } from './openapi.ts';
import { fc } from './properties.ts';

/** Values for a JSON Schema, for the part of the standard that MAOS uses. */

export interface ValueOptions {
  /** The schemas that references point to. */
  readonly schemas: Readonly<Record<string, Json>>;
  /** Values with a meaning to the server, by property name; they are chosen often. */
  readonly known: (name: string) => readonly unknown[] | undefined;
}

/** @param name of the property or parameter */
export function arbitraryOf(schema: Json, name: string, options: ValueOptions): fc.Arbitrary<unknown> {
  const known = options.known(name);
  const any = anyOf(schema, name, options);
  if (known === undefined) return any;
  return fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...known) }, { weight: 1, arbitrary: any });
}

function anyOf(schema: Json, name: string, options: ValueOptions): fc.Arbitrary<unknown> {
  if ('$ref' in schema) return anyOf(referred(schema, options), name, options);
  if ('const' in schema) return fc.constant(schema.const);
  if (Array.isArray(schema.enum)) return fc.constantFrom(...schema.enum);
  const types = Array.isArray(schema.type) ? schema.type.map((type) => ({ ...schema, type })) : undefined;
  const choices = (types ?? schema.anyOf ?? schema.oneOf) as readonly Json[] | undefined;
  if (choices !== undefined) return fc.oneof(...choices.map((one) => anyOf(one, name, options)));
  switch (schema.type) {
    case 'string':
      return textOf(schema);
    case 'integer':
      return fc.integer({ min: clamped(schema.minimum, -1_000), max: clamped(schema.maximum, 1_000) });
    case 'number':
      return fc.double({
        min: clamped(schema.minimum, -1_000),
        max: clamped(schema.maximum, 1_000),
        noNaN: true,
      });
    case 'boolean':
      return fc.boolean();
    case 'null':
      return fc.constant(null);
    case 'array':
      return fc.array(arbitraryOf(schema.items as Json, '', options), {
        minLength: Number(schema.minItems ?? 0),
        maxLength: 3,
      });
    case 'object':
      return objectOf(schema, options);
    default:
      return fc.jsonValue();
  }
}

function referred({ $ref }: Json, { schemas }: ValueOptions): Json {
  return schemas[String($ref).replace('#/components/schemas/', '')] as Json;
}

function objectOf(schema: Json, options: ValueOptions): fc.Arbitrary<unknown> {
  const properties = Object.entries((schema.properties ?? {}) as Record<string, Json>);
  if (properties.length === 0)
    return fc.dictionary(fc.string({ maxLength: 5 }), fc.jsonValue(), { maxKeys: 3 });
  const model = Object.fromEntries(
    properties.map(([name, inner]) => [name, arbitraryOf(inner, name, options)]),
  );
  return fc.record(model, { requiredKeys: (schema.required ?? []) as string[] });
}

function textOf({ format, pattern, minLength, maxLength }: Json): fc.Arbitrary<string> {
  if (format === 'uuid') return fc.uuid();
  if (format === 'uri') return fc.webUrl();
  if (format === 'date-time') {
    const times = fc.date({ min: new Date(0), max: new Date('2100-01-01'), noInvalidDate: true });
    return times.map((time) => time.toISOString());
  }
  if (typeof pattern === 'string') return fc.stringMatching(new RegExp(pattern));
  const max = Math.min(Number(maxLength ?? 30), 30);
  return fc.string({ minLength: Number(minLength ?? 0), maxLength: max, unit: 'binary' });
}

/** fast-check supports limits of 32 bits, and other tests cover large numbers. */
function clamped(limit: unknown, otherwise: number): number {
  return Math.max(-100_000, Math.min(100_000, Number(limit ?? otherwise)));
}
