import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { folderPrint, printAt } from '../../../src/infrastructure/git/file-print.ts';
import {
  ChangedFile,
  type FileStep,
  takeSteps,
  undoSteps,
} from '../../../src/infrastructure/git/file-steps.ts';
import { makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { filesIn, type TestFiles, writeFiles } from './history-repository.ts';
import { endedAt } from './sudden-end.ts';

const root = mkdtempSync(join(tmpdir(), 'maos-steps-'));
after(() => rmSync(root, { recursive: true }));

const before: TestFiles = {
  text: 'one',
  program: { program: 'one' },
  link: { link: 'text' },
  'folder/deep/a': 'a',
  'becomes a folder': 'file',
  'becomes a file/x': 'x',
  'becomes a submodule': 'file',
  'was a submodule': { submodule: '' },
  'link to itself': { link: 'link to itself' },
  'link to a folder': { link: 'beside' },
  'beside/deep': { submodule: '' },
  same: 'untouched',
};
const staged: TestFiles = {
  text: 'two',
  program: 'one',
  link: { link: 'same' },
  'new/deep/a': 'a',
  'becomes a folder/deep/below': 'b',
  'becomes a file': 'f',
  'was a submodule': 'file',
  'link to itself/deep/below': 'b',
  'link to a folder/deep/below': 'b',
};
const removed = [
  ...['folder/deep/a', 'becomes a folder', 'becomes a file/x'],
  ...['link to itself', 'link to a folder'],
];

async function setUp() {
  const folder = mkdtempSync(join(root, 'steps-'));
  const folders = {
    checkout: join(folder, 'checkout'),
    staged: join(folder, 'new'),
    kept: join(folder, 'old'),
  };
  for (const one of Object.values(folders)) mkdirSync(one);
  writeFiles(before, folders.checkout);
  writeFiles(staged, folders.staged);
  const steps: FileStep[] = [];
  for (const path of removed)
    steps.push({ path, before: await printAt(folders.checkout, path), after: null });
  for (const path of Object.keys(staged)) {
    const now = path === 'becomes a file' ? null : await printAt(folders.checkout, path);
    steps.push({ path, before: now, after: await printAt(folders.staged, path) });
  }
  const path = 'becomes a submodule';
  steps.push({ path, before: await printAt(folders.checkout, path), after: folderPrint });
  return { folders, steps, old: filesIn(folders.checkout) };
}

const git = makeGit({});

describe('the steps of a checkout', () => {
  it('are undone, wherever they were interrupted', async () => {
    for (let at = 1; ; at++) {
      const { folders, steps, old } = await setUp();
      const isStopped = await endedAt(at, git, () => takeSteps(folders, steps));
      if (!isStopped) assert.equal(filesIn(folders.checkout).text, 'false two');
      await undoSteps(folders, steps);
      assert.deepEqual(filesIn(folders.checkout), old, `${at}`);
      for (const empty of ['was a submodule', 'beside/deep']) {
        assert.equal(await printAt(folders.checkout, empty), folderPrint, `${at}`);
      }
      if (!isStopped) return;
    }
  });

  it('are undone by the next, when that was interrupted too', async () => {
    for (let at = 1; ; at++) {
      const { folders, steps, old } = await setUp();
      await takeSteps(folders, steps);
      const isStopped = await endedAt(at, git, () => undoSteps(folders, steps));
      await undoSteps(folders, steps);
      assert.deepEqual(filesIn(folders.checkout), old, `${at}`);
      if (!isStopped) return;
    }
  });

  it('end at a file that has changed, and leave it', async () => {
    const { folders, steps, old } = await setUp();
    writeFileSync(join(folders.checkout, 'program'), 'mine');
    await assert.rejects(takeSteps(folders, steps), ChangedFile);
    await undoSteps(folders, steps);
    assert.deepEqual(filesIn(folders.checkout), { ...old, program: 'true mine' });
  });
});
