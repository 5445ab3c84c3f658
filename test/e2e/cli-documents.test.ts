import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';
import { renderSchema, schemaFile } from '../tooling/cli-documents.ts';

describe('the JSON of the commands', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    const done = await maos.run('run', '-x', 'a=true');
    assert.equal(done.status, 0, done.stderr);
  });
  after(() => maos.remove());

  const call = (...words: readonly string[]) =>
    maosInProcess([...words, '--json'], { env: { ...maos.env, HOME: maos.project }, cwd: maos.project });

  it('errors in what the user gave write no log', async () => {
    const logs = async () => (await readdir(join(maos.home, 'logs'))).length;
    const before = await logs();
    assert.equal((await call('status', 'nobody')).status, 3);
    assert.equal((await call('cancel', 'latest')).status, 4);
    assert.equal(await logs(), before);
  });

  it('docs/cli.schema.json has these schemas; npm run docs writes it anew', () => {
    assert.equal(readFileSync(schemaFile, 'utf8'), renderSchema());
  });
});
