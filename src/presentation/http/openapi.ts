import { Hono } from 'hono';
import * as z from 'zod';

/** What the document says of one endpoint. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** With `{name}` for what varies. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** What varies in the path. */
  readonly params?: Readonly<Record<string, z.ZodType>>;
  readonly query?: z.ZodObject;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Statuses that are errors, beside those that every endpoint has. */
  readonly errors?: readonly number[];
}

interface Answer {
  readonly description: string;
  readonly content?: Readonly<Record<string, z.ZodType>>;
  readonly headers?: Readonly<Record<string, z.ZodType>>;
}

export const openApiPath = '/openapi.json';

type Json = Readonly<Record<string, unknown>>;

const schemasAt = '#/components/schemas/';

/**
 * An OpenAPI 3.1 document of the endpoints. Schemas with an `id` become components.
 * @param errorSchema of every error's body
 */
export function openApiDocument(
  version: string,
  operations: readonly Operation[],
  errorSchema: z.ZodType,
): Json {
  const components: Record<string, unknown> = {};
  const toSchema = (schema: z.ZodType): Json => {
    const made = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
    const { $schema: _, $defs, ...own } = made as { $schema: unknown; $defs?: Record<string, Json> };
    for (const [id, definition] of Object.entries($defs ?? {})) components[id] = pointed(definition);
    const { id, ...rest } = pointed(own) as Record<string, unknown>;
    if (typeof id !== 'string') return rest;
    components[id] = rest;
    return { $ref: `${schemasAt}${id}` };
  };
  const failure = (schema: z.ZodType): Json => ({
    description: 'What is wrong',
    content: { 'application/json': { schema: toSchema(schema) } },
  });
  const failures: Failures = {
    route: failure(errorSchema),
    guard: failure(refusalSchema),
    either: failure(z.union([errorSchema, refusalSchema])),
  };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    paths[operation.path] = {
      ...paths[operation.path],
      [operation.method]: toOperation(operation, toSchema, failures),
    };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'MAOS', version, license: { name: 'MIT', identifier: 'MIT' } },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: "'maos token' prints it." },
      },
      schemas: components,
    },
  };
}

/** What the guard answers before any route: a code of MAOS. */
const refusalSchema = z.object({ code: z.string(), message: z.string() }).meta({ id: 'Refusal' });

type Failures = Readonly<Record<'route' | 'guard' | 'either', Json>>;

const everywhere = {
  401: 'guard',
  403: 'either',
  413: 'guard',
  429: 'either',
  500: 'route',
  503: 'route',
} as const;

function toOperation(operation: Operation, toSchema: (schema: z.ZodType) => Json, failures: Failures): Json {
  const { id, tag, summary, description, body, answers, params = {}, query, errors = [] } = operation;
  const contentOf = (content: Readonly<Record<string, z.ZodType>>): Json =>
    Object.fromEntries(Object.entries(content).map(([type, schema]) => [type, { schema: toSchema(schema) }]));
  const parameters = [
    ...Object.entries(params).map(([name, schema]) => parameter('path', name, true, toSchema(schema))),
    ...Object.entries(query?.shape ?? {}).map(([name, schema]) =>
      parameter('query', name, false, toSchema(schema as z.ZodType)),
    ),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf({ 'application/json': body }) } }),
    responses: {
      ...Object.fromEntries(
        Object.entries(answers).map(([status, { description, content, headers }]) => [
          status,
          {
            description,
            ...(headers === undefined ? {} : { headers: headersOf(headers, toSchema) }),
            ...(content === undefined ? {} : { content: contentOf(content) }),
          },
        ]),
      ),
      ...Object.fromEntries(Object.entries(everywhere).map(([status, whose]) => [status, failures[whose]])),
      ...Object.fromEntries(errors.map((status) => [status, failures.route])),
    },
  };
}

function headersOf(
  headers: Readonly<Record<string, z.ZodType>>,
  toSchema: (schema: z.ZodType) => Json,
): Json {
  return Object.fromEntries(
    Object.entries(headers).map(([name, schema]) => [name, { schema: toSchema(schema) }]),
  );
}

function parameter(where: 'path' | 'query', name: string, required: boolean, schema: Json): Json {
  return { in: where, name, required, schema };
}

/** References within a schema of its own, as references within the document. */
function pointed(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${schemasAt}`)) as Json;
}

/** @param make called at the first request only */
export function openApiRoute(make: () => Json): Hono {
  let document: Json | null = null;
  return new Hono().get(openApiPath, (context) => {
    document ??= make();
    return context.json(document);
  });
}
