import assert from 'node:assert/strict';
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import type { CommitText } from '../../../src/application/ports/workspaces.ts';
import { noSetup } from '../../../src/domain/worktree.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';
import { ScratchRepository } from './scratch-repository.ts';

const hooks = [
  ...['post-checkout', 'pre-commit', 'post-commit', 'prepare-commit-msg', 'commit-msg', 'pre-merge-commit'],
  ...['post-merge', 'pre-auto-gc', 'reference-transaction', 'post-index-change', 'post-rewrite'],
  ...['pre-rebase', 'applypatch-msg', 'fsmonitor-watchman', 'p4-changelist', 'pre-push', 'update'],
];

let scratch: ScratchRepository;
let marks: string;
let program: string;

beforeEach(() => {
  scratch = new ScratchRepository('repository', {
    'a.txt': 'one\n',
    'b.dat': 'two\n',
    '.gitattributes': '*.txt filter=mark diff=mark merge=mark\n*.dat filter=marks diff=mark merge=mark\n',
  });
  marks = join(scratch.root, 'marks');
  program = join(scratch.root, 'program');
  // It answers as a filter would, so that its result would be seen too.
  writeFileSync(program, `#!/bin/sh\necho "$0 $*" >> ${marks}\ncat\n`);
  chmodSync(program, 0o755);
});
afterEach(() => scratch.remove());

/** All ways in which a repository's own configuration runs programs, in the file, in one that it includes, and hooks. */
function plant(): void {
  const own = join(scratch.folder, '.git');
  for (const folder of [join(own, 'hooks'), join(scratch.root, 'other-hooks')]) {
    mkdirSync(folder, { recursive: true });
    for (const hook of hooks) {
      writeFileSync(join(folder, hook), `#!/bin/sh\necho "hook ${hook}" >> ${marks}\n`);
      chmodSync(join(folder, hook), 0o755);
    }
  }
  const keys: [key: string, value: string][] = [
    ['core.hooksPath', join(scratch.root, 'other-hooks')],
    ...['core.fsmonitor', 'core.sshCommand', 'core.askPass', 'core.pager', 'core.editor'].map(mark),
    ...['sequence.editor', 'core.gitProxy', 'core.alternateRefsCommand', 'credential.helper'].map(mark),
    ...['gpg.program', 'gpg.ssh.program', 'gpg.ssh.defaultKeyCommand', 'diff.external'].map(mark),
    ...['diff.mark.command', 'diff.mark.textconv', 'interactive.diffFilter', 'pager.diff'].map(mark),
    ...['pager.status', 'trailer.mark.command', 'uploadpack.packObjectsHook', 'pager.log'].map(mark),
    ...['alias.status', 'alias.commit-tree', 'alias.worktree'].map((key): [string, string] => [
      key,
      `!${program}`,
    ]),
    ['commit.gpgSign', 'true'],
    ['tag.gpgSign', 'true'],
    ['log.showSignature', 'true'],
    ['merge.mark.driver', `${program} %O %A %B`],
    ['gc.auto', '1'],
    ['maintenance.auto', 'true'],
    ['pull.twohead', 'mark'],
  ];
  for (const [key, value] of keys) scratch.git('config', key, value);
  for (const how of ['clean', 'smudge']) scratch.git('config', `filter.mark.${how}`, program);
  scratch.git('config', 'filter.mark.required', 'true');
  scratch.git('config', 'include.path', 'included');
  writeFileSync(join(own, 'included'), `[filter "marks"]\n\tprocess = ${program}\n\trequired = true\n`);
  const inWorktrees = `[filter "mark"]\n\tclean = ${program} again\n`;
  writeFileSync(join(own, 'on-branch'), inWorktrees);
  appendFileSync(join(own, 'config'), '[includeIf "onbranch:maos/**"]\n\tpath = on-branch\n');
}

function mark(key: string): [key: string, value: string] {
  return [key, program];
}

const text: CommitText = { message: 'maos: coder\n', author: null, at: '2026-01-01T00:00:00Z' };
const ref = 'refs/maos/sess_00000000000000000000000001/coder/1';

describe('what the configuration of a repository names', () => {
  it('never runs', async () => {
    const base = scratch.git('rev-parse', 'HEAD');
    scratch.git('checkout', '-q', '-b', 'other');
    scratch.write('a.txt', 'theirs\n');
    scratch.write('b.dat', 'theirs\n');
    const theirs = scratch.commitAll('Theirs');
    scratch.git('checkout', '-q', 'main');
    scratch.write('a.txt', 'ours\n');
    scratch.write('b.dat', 'ours\n');
    const ours = scratch.commitAll('Ours');
    plant();
    const { workspaces } = scratch;
    const place = scratch.place();
    const { remarks } = await workspaces.begin(scratch.folder);
    assert.match(remarks.join(), /defines the filter "mark", "marks"/);
    const conflict = { ours, theirs, paths: ['a.txt', 'b.dat'] };
    const { folder } = await workspaces.open(place, base, { ...noSetup, copy: ['*.log'] }, conflict);
    for (const name of ['a.txt', 'b.dat']) {
      assert.match(readFileSync(join(folder, name), 'utf8'), /^<<<<<<< .*\nours\n=======\ntheirs\n>>>>>>> /);
      scratch.write(name, 'both\n', folder);
    }
    scratch.write('new.txt', 'new\n', folder);
    const kept = await workspaces.snapshot(place, base, ref, text);
    assert.ok(kept);
    await workspaces.diff(scratch.folder, base, kept.commit, { colour: true, stat: false });
    await workspaces.stat(scratch.folder, base, kept.commit);
    await workspaces.join(scratch.folder, [ours, theirs], () => text);
    await workspaces.squash(scratch.folder, base, kept.commit, text);
    await workspaces.resolve(scratch.folder, 'main');
    await workspaces.isAncestor(scratch.folder, base, ours);
    await workspaces.conflictMarkers(scratch.folder, base, kept.commit);
    const { commit } = await workspaces.protect(place, kept.commit, base, ['a.txt'], text);
    await workspaces.checkOut(place, commit, 1, null);
    await workspaces.discardCheckouts(place);
    await workspaces.moveBranch(scratch.folder, 'side', null, commit);
    await workspaces.moveBranch(scratch.folder, 'main', ours, kept.commit);
    assert.equal(await workspaces.remove(place, base, ref, text), null);
    assert.equal(existsSync(marks) ? readFileSync(marks, 'utf8') : '', '');
  });

  it('runs when the user has configured the same', async () => {
    appendFileSync(
      join(scratch.root, 'global-config'),
      `[filter "mark"]\n\tclean = ${program} clean\n\tsmudge = ${program} smudge\n`,
    );
    plant();
    await scratch.workspaces.open(scratch.place(), scratch.git('rev-parse', 'HEAD'), null);
    assert.match(readFileSync(marks, 'utf8'), /program smudge/);
    assert.doesNotMatch(readFileSync(marks, 'utf8'), /hook|again/);
  });

  it('is found by a git that does not tell scopes apart', async () => {
    const bin = join(scratch.root, 'bin');
    mkdirSync(bin);
    const refusing = 'case "$*" in *--show-scope*) exit 129;; esac';
    writeFileSync(join(bin, 'git'), `#!/bin/sh\n${refusing}\nPATH=$REAL_PATH exec git "$@"\n`);
    chmodSync(join(bin, 'git'), 0o755);
    const { PATH = '' } = scratch.environment;
    const environment = { ...scratch.environment, REAL_PATH: PATH, PATH: `${bin}:${PATH}` };
    plant();
    const workspaces = makeWorkspaces({ layout: scratch.layout, environment });
    const base = scratch.git('rev-parse', 'HEAD');
    const { folder } = await workspaces.open(scratch.place(), base, null);
    scratch.write('a.txt', 'changed\n', folder);
    await workspaces.snapshot(scratch.place(), base, ref, text);
    assert.ok(!existsSync(marks));
  });

  it('is refused where it cannot be kept from running', async () => {
    scratch.git('config', 'filter.a=b.clean', program);
    await assert.rejects(
      scratch.workspaces.begin(scratch.folder),
      /sets "filter\.a=b\.clean", which MAOS cannot keep from running/,
    );
  });
});
