import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { settingsByKey } from '../../../src/infrastructure/config/settings-table.ts';
import { renderPage } from '../../tooling/config-docs.ts';

it('docs/configuration.md has every setting and variable; npm run docs writes it anew', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/configuration.md'), 'utf8');
  assert.equal(renderPage(), page);
  for (const [key, { variable }] of settingsByKey) {
    assert.ok(page.includes(`\`${key}\``), key);
    assert.ok(variable === null || page.includes(`\`${variable}\``), String(variable));
  }
});
