import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { renderSchema, schemaFile } from '../../tooling/plan-schema.ts';

test('docs/plan.schema.json describes the plans that are taken; npm run docs writes it anew', () => {
  assert.equal(readFileSync(schemaFile, 'utf8'), renderSchema());
});
