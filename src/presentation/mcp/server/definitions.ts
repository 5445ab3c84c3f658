import * as z from 'zod';
import type { Tool } from './tool.ts';

type JsonSchema = Readonly<Record<string, unknown>> & { readonly type: 'object' };

/** A tool in the form of tools/list. */
export interface ToolDefinition {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly inputSchema: JsonSchema;
  readonly outputSchema?: JsonSchema;
  readonly annotations: Readonly<Record<string, boolean>>;
  readonly _meta?: Readonly<Record<string, unknown>>;
}

/** Converts the tools' schemas on request, because it takes some milliseconds. */
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

/** Upper limits from here on are safeguards, which clients need not know. */
const guardFrom = 499;

/**
 * The schema that clients see. Every client loads all of them at start, so it omits what does not help a model,
 * although it is validated: the dialect (MCP's default is 2020-12) unless the schema's metadata names it, length limits
 * and other safeguards, that nested objects are strict like the outer one, the keys of a nested object whose description
 * lists them ('{max_tokens, …}'), and for output everything but names and types of fields.
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
      // A lower limit of 0 or 1 is obvious for a count, but kept when there is an upper limit, to show the range.
      if (jsonSchema.maximum === undefined && (jsonSchema.minimum ?? 2) <= 1) delete jsonSchema.minimum;
      if (jsonSchema.exclusiveMinimum === 0) delete jsonSchema.exclusiveMinimum;
      if (path.length > 0 && (io === 'output' || jsonSchema.additionalProperties === false))
        delete jsonSchema.additionalProperties;
      if (path.length > 0 && jsonSchema.description?.startsWith('{')) {
        delete jsonSchema.properties;
        delete jsonSchema.required;
      }
      if (io === 'input') return;
      delete jsonSchema.enum;
      delete jsonSchema.required;
    },
  });
  const dialect = schema.meta()?.$schema === undefined ? {} : { $schema };
  return { ...dialect, ...converted } as unknown as JsonSchema;
}
