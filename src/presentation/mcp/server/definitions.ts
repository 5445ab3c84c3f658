import * as z from 'zod';
import type { Tool } from './tool.ts';

type JsonSchema = Readonly<Record<string, unknown>> & { readonly type: 'object' };

/** A tool as tools/list says it. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly annotations: Readonly<Record<string, boolean>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Converts the tools' schemas; some milliseconds, so only when a client asks. */
export function defineTools(tools: readonly Tool[]): readonly ToolDefinition[] {
  return tools.map((tool) => ({
    name: tool.name,
    title: tool.title,
    description: tool.description,
    inputSchema: toJsonSchema(tool.input, 'input'),
    ...(tool.output === undefined ? {} : { outputSchema: toJsonSchema(tool.output, 'output') }),
    annotations: { ...tool.annotations },
    ...(tool.meta === undefined ? {} : { _meta: tool.meta }),
  }));
}

/** A largest number of this size or more is a guard, not advice. */
const guardFrom = 499;

/**
 * The schema as a client is told it. Every client reads all of them at its start, so what advises nobody is left out,
 * and is checked all the same: the dialect (2020-12 is MCP's default), unless the schema names it in its metadata, limits
 * on lengths and other guards, that nested objects are strict like the outer one, and of answers all but the names and
 * types of their fields.
 */
function toJsonSchema(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...converted } = z.toJSONSchema(schema, {
    io,
    override: ({ jsonSchema, path }) => {
      for (const key of ['minLength', 'maxLength', 'minItems', 'maxItems', 'propertyNames'] as const) {
        delete jsonSchema[key];
      }
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum;
      if ((jsonSchema.maximum ?? 0) >= guardFrom) delete jsonSchema.maximum;
      // That a number of things is positive goes without saying, but with an upper limit the range is told.
      if (jsonSchema.maximum === undefined && (jsonSchema.minimum ?? 2) <= 1) delete jsonSchema.minimum;
      if (jsonSchema.exclusiveMinimum === 0) delete jsonSchema.exclusiveMinimum;
      if (path.length > 0 && (io === 'output' || jsonSchema.additionalProperties === false))
        delete jsonSchema.additionalProperties;
      if (io === 'input') return;
      delete jsonSchema.enum;
      delete jsonSchema.required;
    },
  });
  const dialect = schema.meta()?.$schema === undefined ? {} : { $schema };
  return { ...dialect, ...converted } as unknown as JsonSchema;
}
