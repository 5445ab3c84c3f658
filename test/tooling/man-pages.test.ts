import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { commandGroups } from '../../src/presentation/cli/program.ts';
import { manPages } from './man-pages.ts';

const pages = manPages();
const shown = commandGroups.flatMap(([, commands]) => commands).filter(({ hidden }) => hidden !== true);
const hasGroff = spawnSync('groff', ['--version']).status === 0;

describe('man pages', () => {
  it('are one for maos, and one for each command with its options', () => {
    assert.deepEqual([...pages.keys()], ['maos.1', ...shown.map(({ name }) => `maos-${name}.1`)]);
    for (const { name, options } of shown) {
      const page = pages.get(`maos-${name}.1`)?.replaceAll('\\', '');
      for (const { flags } of options) assert.ok(page?.includes(flags), `${name}: ${flags}`);
    }
  });

  it('are all named in package.json, because npm installs no others', () => {
    const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8'));
    assert.deepEqual(new Set(manifest.man), new Set([...pages.keys()].map((name) => `man/${name}`)));
  });

  it('are right for groff', { skip: hasGroff ? false : 'needs groff: install the package groff' }, () => {
    for (const [name, content] of pages) {
      const { status, stderr, stdout } = spawnSync('groff', ['-man', '-Tutf8', '-ww', '-Kutf8', '-P-cbou'], {
        input: content,
        encoding: 'utf8',
      });
      assert.deepEqual([status, stderr], [0, ''], name);
      assert.match(stdout, /SYNOPSIS/);
    }
  });
});
