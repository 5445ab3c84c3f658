import * as z from 'zod';
import { errorCodes } from '../../../domain/errors.ts';
import { isForBrowsers, signInPath } from '../sign-in/browser-paths.ts';

type Schemas = Readonly<Record<string, z.ZodType>>;

/** The description of one endpoint in the document. */
export interface Operation {
  readonly method: 'get' | 'post' | 'delete';
  /** With `{name}` for parameters. */
  readonly path: string;
  readonly id: string;
  readonly tag: string;
  readonly summary: string;
  readonly description?: string;
  /** The parameters in the path. */
  readonly params?: Schemas;
  readonly query?: z.ZodObject;
  readonly headers?: Schemas;
  readonly body?: z.ZodType;
  readonly answers: Readonly<Record<number, Answer>>;
  /** Bodies of the endpoint's own errors, by status; those of the guard are added. */
  readonly errors?: Readonly<Record<number, z.ZodType>>;
  /** Needs no token. */
  readonly open?: true;
}

interface Answer {
  readonly description: string;
  /** By media type; for an event stream, the data of an event. */
  readonly content?: Schemas;
  readonly headers?: Schemas;
}

export const openApiPath = '/openapi.json';

export type Json = Readonly<Record<string, unknown>>;
type ToSchema = (schema: z.ZodType) => Json;

const schemasAt = '#/components/schemas/';

/** The response of the guard, and for unknown paths, with a code of MAOS. */
export const refusalSchema = z
  .strictObject({ code: z.enum(errorCodes), message: z.string() })
  .meta({ id: 'Refusal' });

/** The errors of a route that have the same body. */
export function errorsOf<Status extends number>(
  body: z.ZodType,
  ...statuses: readonly Status[]
): Readonly<Record<Status, z.ZodType>> {
  return Object.fromEntries(statuses.map((status) => [status, body])) as Record<Status, z.ZodType>;
}

const description = [
  'Every GET except /mcp also answers HEAD.',
  'Unknown paths return 404 with a Refusal (below /acp: an Error); unknown methods on /mcp return 405 with a JsonRpcError.',
  'Requests that are not valid HTTP, arrive too slowly or have too large headers never reach an endpoint:',
  'they are answered with 400, 408, 417 or 431 without a body, and the connection is closed.',
].join(' ');

/** Generates an OpenAPI 3.1 document of the endpoints. Schemas with an `id` become components. */
export function openApiDocument(version: string, operations: readonly Operation[]): Json {
  const components: Record<string, unknown> = {};
  const toSchema: ToSchema = (schema) => {
    const made = z.toJSONSchema(schema, { io: 'input' }) as Record<string, unknown>;
    const { $schema: _, $defs, ...own } = made as { $schema: unknown; $defs?: Record<string, Json> };
    for (const [id, definition] of Object.entries($defs ?? {})) components[id] = pointed(definition);
    const { id, ...rest } = pointed(own) as Record<string, unknown>;
    if (typeof id !== 'string') return rest;
    components[id] = rest;
    return { $ref: `${schemasAt}${id}` };
  };
  const paths: Record<string, Record<string, unknown>> = {};
  for (const operation of operations) {
    const { path, method } = operation;
    paths[path] = { ...paths[path], [method]: toOperation(operation, toSchema) };
  }
  return {
    openapi: '3.1.1',
    info: { title: 'MAOS', version, description, license: { name: 'MIT', identifier: 'MIT' } },
    security: [{ bearer: [] }],
    paths,
    components: {
      securitySchemes: {
        bearer: { type: 'http', scheme: 'bearer', description: "'maos token' prints the token." },
        browser: {
          ...{ type: 'apiKey', in: 'cookie', name: 'maos_HOME' },
          description: `Set by ${signInPath}; HOME is 8 hex digits. Requests other than GET and HEAD need the Origin of this server and 'Content-Type: application/json'.`,
        },
      },
      schemas: components,
    },
  };
}

function toOperation(operation: Operation, toSchema: ToSchema): Json {
  const { id, tag, path, summary, description, body, answers, query, open } = operation;
  const parameters = [
    ...parametersOf('path', operation.params ?? {}, toSchema),
    ...parametersOf('query', (query?.shape ?? {}) as Schemas, toSchema),
    ...parametersOf('header', operation.headers ?? {}, toSchema),
  ];
  return {
    operationId: id,
    tags: [tag],
    summary,
    ...(description === undefined ? {} : { description }),
    ...securityOf(path, open),
    ...(parameters.length === 0 ? {} : { parameters }),
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: contentOf({ 'application/json': body }, toSchema) } }),
    responses: { ...answersOf(answers, toSchema), ...errorAnswers(operation, toSchema) },
  };
}

/** Without it, that of the document holds: the token. */
function securityOf(path: string, open: Operation['open']): Json {
  if (open === true) return { security: [] };
  return isForBrowsers(path) ? { security: [{ bearer: [] }, { browser: [] }] } : {};
}

function answersOf(answers: Operation['answers'], toSchema: ToSchema): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([status, { description, content, headers }]) => [
      status,
      {
        description,
        ...(headers === undefined ? {} : { headers: contentOf(headers, toSchema) }),
        ...(content === undefined ? {} : { content: contentOf(content, toSchema) }),
      },
    ]),
  );
}

/** Errors of the guard and of the route; a status that both use has either body. */
function errorAnswers({ method, open, path, answers, errors = {} }: Operation, toSchema: ToSchema): Json {
  const hasBody = method !== 'get';
  const unsupported = hasBody && isForBrowsers(path) ? [415] : [];
  const guarded = [...(open ? [] : [401]), 403, ...(hasBody ? [413] : []), ...unsupported, 429, 500, 503];
  const statuses = new Set([...guarded, ...Object.keys(errors).map(Number)]);
  return Object.fromEntries(
    [...statuses].map((status) => {
      const own = errors[status];
      const isGuards = guarded.includes(status) && own !== refusalSchema;
      const bodies = [...(own === undefined ? [] : [own]), ...(isGuards ? [refusalSchema] : [])];
      const schema = bodies.length === 1 ? (bodies[0] as z.ZodType) : z.union(bodies);
      const others = answers[status]?.content ?? {};
      const content = contentOf({ ...others, 'application/json': schema }, toSchema);
      const headers = retryStatuses.includes(status)
        ? { headers: contentOf({ 'Retry-After': retryAfter }, toSchema) }
        : {};
      return [status, { description: meanings[status] ?? 'What is wrong', ...headers, content }];
    }),
  );
}

const retryStatuses = [429, 503];
const retryAfter = z.int().min(1).optional().describe('Seconds');

const meanings: Readonly<Record<number, string>> = {
  400: 'The request is malformed',
  401: 'The token is missing or wrong',
  403: 'Not allowed for this host or origin, or in this state',
  404: 'Not found',
  406: 'The Accept header excludes every available format',
  409: 'Conflict',
  413: 'The body is too large',
  415: 'Unsupported content type',
  422: 'The request does not match the schema',
  429: 'Too many requests',
  500: 'Internal error, or an unusable store',
  503: 'Temporarily unavailable',
};

function parametersOf(where: 'path' | 'query' | 'header', schemas: Schemas, toSchema: ToSchema): Json[] {
  return Object.entries(schemas).map(([name, schema]) => ({
    in: where,
    name,
    required: !schema.safeParse(undefined).success,
    schema: toSchema(schema),
  }));
}

function contentOf(schemas: Schemas, toSchema: ToSchema): Json {
  return Object.fromEntries(
    Object.entries(schemas).map(([name, schema]) => [name, { schema: toSchema(schema) }]),
  );
}

/** Changes references within the schema to references within the document. */
function pointed(schema: Json): Json {
  return JSON.parse(JSON.stringify(schema).replaceAll('"#/$defs/', `"${schemasAt}`)) as Json;
}
