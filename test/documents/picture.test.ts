import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pages } from '../helpers/documents.ts';
import { pictures } from '../tooling/picture.ts';

const root = join(import.meta.dirname, '../..');

describe('the picture of the demo', () => {
  for (const [path, svg] of pictures()) {
    it(`${path} is current (npm run picture), small, and shown by the README`, () => {
      assert.equal(readFileSync(join(root, path), 'utf8'), svg);
      assert.ok(Buffer.byteLength(svg) < 30_000);
      assert.ok(pages().get('README.md')?.includes(`"${path}"`));
    });
  }
});
