import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import { pathToFileURL } from 'node:url';
import { build } from 'tsup';
import { linesRun, scriptsIn } from './bundle-coverage.ts';

const source = `export function sign(number: number): string {
  if (number < 0) {
    return 'below';
  }
  return number > 0
    ? 'above'
    : 'zero';
}
export function never(): void {
  console.log('never');
}
console.log(sign(Number(process.argv[2])), typeof never);
`;

it('the lines that processes of a minified bundle ran are those of its sources', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'maos-coverage-'));
  t.after(() => rmSync(folder, { recursive: true }));
  mkdirSync(join(folder, 'src'));
  const entry = join(folder, 'src/sign.ts');
  writeFileSync(entry, source);
  await build({
    config: false,
    silent: true,
    entry: [entry],
    outDir: join(folder, 'dist'),
    format: 'esm',
    outExtension: () => ({ js: '.mjs' }),
    minify: true,
    sourcemap: true,
  });
  const bundle = join(folder, 'dist/sign.mjs');
  const map = JSON.parse(readFileSync(`${bundle}.map`, 'utf8'));
  const reports = join(folder, 'reports');
  const run = (argument: string) => {
    const env = { ...process.env, NODE_V8_COVERAGE: reports, NODE_DISABLE_COMPILE_CACHE: '1' };
    assert.equal(spawnSync(process.execPath, [bundle, argument], { env }).status, 0);
    const scripts = scriptsIn(reports, pathToFileURL(bundle).href);
    const file = linesRun(readFileSync(bundle, 'utf8'), map, scripts).get('src/sign.ts');
    return [...(file?.run ?? [])].toSorted((a, b) => a - b);
  };
  const always = [1, 2, 5, 8, 12];
  assert.deepEqual(
    run('1'),
    [...always, 6].toSorted((a, b) => a - b),
  );
  // An incomplete report does not count.
  writeFileSync(join(reports, 'coverage-torn.json'), '{"result":[{"url');
  assert.deepEqual(
    run('-1'),
    [...always, 3, 6].toSorted((a, b) => a - b),
  );
});
