import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { z } from 'zod';
import { defineTools } from '../../../../src/presentation/mcp/server/definitions.ts';
import { instructions } from '../../../../src/presentation/mcp/server/instructions.ts';
import { registry } from '../../../../src/presentation/mcp/server/registry.ts';
import { undocumentedKeywords } from '../../../clients/gemini-schema.ts';

const { tools } = registry;

const definitions = defineTools(tools);

describe('what a client reads at its start', () => {
  it('is under 14 KB for all tools together', () => {
    const bytes = Buffer.byteLength(
      JSON.stringify({ jsonrpc: '2.0', id: 1, result: { tools: definitions } }),
    );
    assert.ok(bytes < 14_000, `tools/list is ${bytes} bytes`);
  });

  it('has instructions under 1,000 characters that name every tool', () => {
    assert.ok(instructions.length < 1_000, `${instructions.length} characters`);
    for (const { name } of tools) assert.ok(instructions.includes(name), name);
  });

  it('names the tools of the contract, each once', () => {
    assert.deepEqual(tools.map(({ name }) => name).sort(), [
      'agent-output',
      'control-session',
      'land-session',
      'list-roles',
      'list-sessions',
      'orchestrate',
      'respond',
      'send-message',
      'session-status',
      'wait-session',
    ]);
  });

  it('uses only the keywords of JSON Schema that the APIs of all models document', () => {
    for (const { name, inputSchema } of definitions) {
      const { $schema: _, ...schema } = inputSchema;
      assert.deepEqual(undocumentedKeywords(schema), [], name);
    }
  });

  for (const tool of tools) {
    it(`${tool.name} advertises strict objects on both sides`, () => {
      const definition = definitions.find(({ name }) => name === tool.name);
      for (const schema of [definition?.inputSchema, definition?.outputSchema]) {
        assert.equal(schema?.type, 'object');
        assert.equal(schema?.additionalProperties, false);
        assert.ok(Object.keys(schema?.properties as object).length > 0);
      }
      assert.match(tool.title, /^[A-Z]/);
      assert.match(tool.description, /\.$/);
      assert.match(tool.name, /^[a-z]+(-[a-z]+)*$/);
    });

    it(`${tool.name} is checked in full where less is advertised`, () => {
      const full = z.toJSONSchema(tool.output as z.ZodType) as { required?: string[]; properties: object };
      assert.ok((full.required ?? []).length > 0);
      const definition = definitions.find(({ name }) => name === tool.name);
      assert.deepEqual(
        Object.keys(definition?.outputSchema?.properties as object),
        Object.keys(full.properties),
      );
    });
  }

  it('says outright which tools change things', () => {
    const changing = tools.filter(({ annotations }) => !annotations.readOnlyHint);
    assert.deepEqual(changing.map(({ name }) => name).sort(), [
      'control-session',
      'land-session',
      'orchestrate',
      'respond',
      'send-message',
    ]);
    for (const { annotations } of changing) {
      assert.deepEqual(Object.keys(annotations).sort(), [
        'destructiveHint',
        'idempotentHint',
        'openWorldHint',
        'readOnlyHint',
      ]);
    }
  });

  it('says the dialect where a schema names it, and nowhere else', () => {
    const $schema = 'https://json-schema.org/draft/2020-12/schema';
    const [first] = tools;
    assert.ok(first);
    const input = z.strictObject({}).meta({ $schema });
    assert.equal(defineTools([{ ...first, input }])[0]?.inputSchema.$schema, $schema);
    assert.ok(!JSON.stringify(definitions).includes('$schema'));
  });

  it('keeps what a caller must know: names, enums, small limits', () => {
    const wait = definitions.find(({ name }) => name === 'wait-session')?.inputSchema.properties as Record<
      string,
      object
    >;
    assert.deepEqual(wait.timeout_seconds, { default: 45, type: 'number', minimum: 1, maximum: 280 });
    const control = definitions.find(({ name }) => name === 'control-session')?.inputSchema;
    assert.ok(control);
    assert.deepEqual((control.properties as Record<string, object>).action, {
      type: 'string',
      enum: ['pause', 'resume', 'cancel', 'retry'],
    });
    assert.deepEqual(control.required, ['session_id', 'action']);
  });
});
