import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { renderPage } from '../tooling/mcp-docs.ts';

it('docs/mcp.md says what the program offers and answers; npm run docs writes it anew', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/mcp.md'), 'utf8');
  assert.equal(await renderPage(), page);
});
