import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as z from 'zod';
import { parseText } from '../../../src/infrastructure/text-formats/parse-text.ts';
import { parseInput } from '../../../src/presentation/contracts/parse-input.ts';
import { planInput } from '../../../src/presentation/contracts/plan-input.ts';

const page = readFileSync(new URL('../../../docs/plans.md', import.meta.url), 'utf8');

interface Schema {
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly items?: Schema;
  readonly anyOf?: readonly Schema[];
}

function keysOf({ properties = {}, items, anyOf = [] }: Schema): readonly string[] {
  const inner = [...Object.values(properties), ...anyOf, ...(items === undefined ? [] : [items])];
  return [...Object.keys(properties), ...inner.flatMap(keysOf)];
}

describe('docs/plans.md', () => {
  it('names every key of a plan', () => {
    const keys = new Set(keysOf(z.toJSONSchema(planInput, { io: 'input' }) as Schema));
    assert.ok(keys.has('fix_rounds') && keys.has('ports'));
    const named = new Set(page.match(/`[^`\n]+`/g)?.flatMap((code) => code.match(/[a-z_]+/g) ?? []));
    assert.deepEqual(
      [...keys].filter((key) => !named.has(key)),
      [],
    );
  });

  it('shows a plan that is one', async () => {
    const [, yaml] = /```yaml\n(.*?)```/s.exec(page) ?? [];
    assert.ok(yaml);
    const { value } = await parseText(yaml, 'yaml');
    const { agents, verify, land } = parseInput(planInput, value, 'The example');
    assert.deepEqual([agents?.length, verify?.commands.length, land], [3, 2, 'auto']);
  });
});
