import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { renderPage } from '../tooling/backend-docs.ts';

it('docs/backends.md says what the backends declare; npm run docs writes it anew', async () => {
  const page = readFileSync(join(import.meta.dirname, '../../docs/backends.md'), 'utf8');
  assert.equal(await renderPage(), page);
});
