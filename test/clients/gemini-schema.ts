/** What Gemini makes of a tool's schema, and what its API says that it understands of one. */
import assert from 'node:assert/strict';
import type { GeminiFunction, GeminiRequest } from '../helpers/scripted-gemini.ts';

/** The tools of MAOS that the model is told of. */
export function functionsOf({ tools = [] }: GeminiRequest): GeminiFunction[] {
  const declared = tools.flatMap(({ functionDeclarations = [] }) => functionDeclarations);
  return declared.filter(({ name }) => name.startsWith('mcp_maos_'));
}

/** The schema of a tool without the argument that Gemini adds to every tool of its own accord. */
export function withoutGeminis({ name, parametersJsonSchema: schema = {} }: GeminiFunction): unknown {
  const { wait_for_previous, ...properties } = schema.properties as Record<string, unknown>;
  assert.ok(wait_for_previous, `Gemini added no 'wait_for_previous' to ${name}`);
  return { ...schema, properties };
}

/**
 * The fields of `Schema` in the reference of the Gemini API (https://ai.google.dev/api/caching#Schema), then those more
 * that it takes in JSON Schema.
 */
const documented = new Set(
  (
    'type format title description nullable enum items minItems maxItems properties minProperties maxProperties ' +
    'required minLength maxLength pattern example anyOf propertyOrdering default minimum maximum ' +
    '$id $defs $ref $anchor prefixItems oneOf additionalProperties'
  ).split(' '),
);

/** Keywords, anywhere in a schema, that the reference does not name: the API may refuse every request with such a tool. */
export function undocumentedKeywords(schema: unknown): string[] {
  if (Array.isArray(schema)) return schema.flatMap(undocumentedKeywords);
  if (typeof schema !== 'object' || schema === null) return [];
  return Object.entries(schema).flatMap(([word, value]) => {
    if (!documented.has(word)) return [word];
    if (word === 'properties' || word === '$defs') return Object.values(value).flatMap(undocumentedKeywords);
    // Values, not schemas.
    return word === 'default' || word === 'enum' || word === 'example' ? [] : undocumentedKeywords(value);
  });
}
