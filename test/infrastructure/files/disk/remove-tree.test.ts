import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import { removeTree } from '../../../../src/infrastructure/files/disk/remove-tree.ts';

const nobody = 65_534;
const script = fileURLToPath(new URL('../fixtures/remove-as-user.ts', import.meta.url));

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'maos-remove-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe('removing a tree', () => {
  it('opens what is closed to its owner, and touches nothing that a link leads to', (t) => {
    const folder = folderFor(t);
    mkdirSync(join(folder, 'foreign'));
    writeFileSync(join(folder, 'foreign', 'file'), 'kept');
    chmodSync(folder, 0o777);
    const { stdout, stderr } = spawnSync(process.execPath, [script, folder, String(nobody)], {
      encoding: 'utf8',
    });
    assert.equal(stdout, '[]', stderr);
    assert.deepEqual(readdirSync(folder), ['foreign']);
    assert.ok(existsSync(join(folder, 'foreign', 'file')));
  });

  it('needs nothing to be there, and two may remove the same', async (t) => {
    const folder = folderFor(t);
    let names = 0;
    const remove = () => removeTree(join(folder, 'top'), () => join(folder, `new-${++names}`));
    assert.deepEqual(await remove(), []);
    for (let index = 0; index < 200; index++) {
      mkdirSync(join(folder, 'top', `${index % 7}`, `${index}`), { recursive: true });
      writeFileSync(join(folder, 'top', `${index % 7}`, `${index}`, 'file'), '');
    }
    assert.deepEqual(await Promise.all([remove(), remove(), remove()]), [[], [], []]);
    assert.deepEqual(readdirSync(folder), []);
  });
});
