import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeWorkRefs } from '../../../src/infrastructure/git/work-refs.ts';
import { makeWorkspaces } from '../../../src/infrastructure/git/workspaces.ts';
import { ScratchRepository } from './scratch-repository.ts';
import { keptRef, type Step, steps, take, type WorktreeLife } from './worktree-life.ts';

/** Calls of git that change something in one life, at least. */
const leastChanges = 9;

/** Ends the process of the {@link WorktreeLife}, and itself, with SIGKILL after git has changed something that often. */
function addKiller(scratch: ScratchRepository, changes: number): string {
  const bin = join(scratch.root, 'bin');
  mkdirSync(bin);
  const script = `#!/bin/sh
PATH=$REAL_PATH git "$@"
status=$?
case " $* " in
*' worktree add '*|*' reset '*|*' update-index '*|*' write-tree '*|*' commit-tree '*|*' update-ref '*|*' symbolic-ref -m '*)
  echo >> ${scratch.root}/changes
  [ "$(wc -l < ${scratch.root}/changes)" -eq ${changes} ] && kill -9 $LIFE $$
esac
exit $status
`;
  writeFileSync(join(bin, 'git'), script);
  chmodSync(join(bin, 'git'), 0o755);
  return bin;
}

const files = { 'a.txt': 'one\n', 'b.txt': 'two\n', 'deep/c.txt': 'three\n' };

/** @returns whether the process was killed */
async function liveAndDie(changes: number): Promise<boolean> {
  const scratch = new ScratchRepository('repository', files);
  try {
    const place = scratch.place();
    const base = scratch.git('rev-parse', 'HEAD');
    const bin = addKiller(scratch, changes);
    const { PATH = '' } = scratch.environment;
    const life: WorktreeLife = {
      project: join(scratch.root, 'maos'),
      environment: { ...scratch.environment, REAL_PATH: PATH, PATH: `${bin}:${PATH}` },
      place,
      base,
      stepFile: join(scratch.root, 'step'),
    };
    scratch.write('a.txt', "the user's\n");
    const child = spawn(
      process.execPath,
      [join(import.meta.dirname, 'worktree-life.ts'), JSON.stringify(life)],
      { stdio: 'inherit' },
    );
    const [, signal] = await once(child, 'exit');
    const step = readFileSync(life.stepFile, 'utf8') as Step | 'done';
    for (const next of step === 'done' ? [] : steps.slice(steps.indexOf(step))) {
      await take(next, { ...life, environment: scratch.environment });
    }
    const label = `killed after change ${changes}, in ${step}`;
    assert.equal(scratch.git('show', `${keptRef}:a.txt`, `${keptRef}:new.txt`), 'work\nwork', label);
    assert.deepEqual(scratch.git('diff', '--name-status', base, keptRef).split('\n'), [
      'M\ta.txt',
      'D\tb.txt',
      'A\tnew.txt',
    ]);
    assert.equal(scratch.git('rev-parse', `${keptRef}^`), base, label);
    assert.equal(scratch.git('rev-parse', place.branch), scratch.git('rev-parse', keptRef), label);
    const left = readdirSync(join(scratch.layout.worktree(place.sessionId, place.agentId), '..'));
    assert.deepEqual(left, [], label);
    assert.ok(!existsSync(join(scratch.folder, '.git/worktrees')), label);
    assert.equal(scratch.git('status', '--porcelain'), ' M a.txt', label);
    assert.equal(scratch.git('fsck', '--no-dangling'), '', label);
    return signal === 'SIGKILL';
  } finally {
    scratch.remove();
  }
}

describe('a process killed by SIGKILL', () => {
  for (let changes = 1; changes <= leastChanges; changes++) {
    it(`loses nothing and leaves nothing after change ${changes} by git`, async () => {
      assert.ok(await liveAndDie(changes), 'the process was not killed');
    });
  }

  it('does not matter in the middle of the making of a worktree', async () => {
    const scratch = new ScratchRepository('repository', files);
    try {
      const place = scratch.place();
      const base = scratch.git('rev-parse', 'HEAD');
      const { folder } = await scratch.workspaces.open(place, base, null);
      const spoilings: ((gitDir: string) => void)[] = [
        () => rmSync(join(folder, '.git')),
        () => rmSync(folder, { recursive: true }),
        (gitDir) => rmSync(gitDir, { recursive: true }),
        (gitDir) => rmSync(join(gitDir, 'HEAD')),
        (gitDir) => writeFileSync(join(gitDir, 'locked'), 'initializing'),
        (gitDir) => writeFileSync(join(gitDir, 'index.lock'), ''),
        () => scratch.git('update-ref', '-d', `refs/heads/${place.branch}`),
        () => writeFileSync(join(scratch.folder, `.git/refs/heads/${place.branch}.lock`), ''),
      ];
      for (const spoil of spoilings) {
        // Without the state beside it and the mark in the repository, the worktree is not finished.
        const gitDir = scratch.gitIn(folder, 'rev-parse', '--absolute-git-dir');
        rmSync(`${folder}.json`);
        writeFileSync(join(gitDir, 'locked'), 'being made by MAOS\n');
        spoil(gitDir);
        await scratch.workspaces.open(place, base, null);
        assert.equal(scratch.gitIn(folder, 'status', '--porcelain', '--branch'), `## ${place.branch}`);
        assert.equal(scratch.git('worktree', 'list').split('\n').length, 2, `${spoil}`);
      }
    } finally {
      scratch.remove();
    }
  });

  it('does not break git for the user in the middle of the making of a worktree', async () => {
    const scratch = new ScratchRepository('repository', files);
    try {
      const base = scratch.git('rev-parse', 'HEAD');
      const [own, mine] = [join(scratch.root, 'own'), join(scratch.folder, '.git/worktrees/own')];
      const halfMade = async (name: string): Promise<void> => {
        const { folder } = await scratch.workspaces.open(scratch.place(name), base, null);
        rmSync(`${folder}.json`);
        const gitDir = scratch.gitIn(folder, 'rev-parse', '--absolute-git-dir');
        writeFileSync(join(gitDir, 'commondir'), '');
        writeFileSync(join(gitDir, 'HEAD'), `${'0'.repeat(40)}\n`);
        writeFileSync(join(gitDir, 'locked'), 'initializing\n');
        assert.throws(() => scratch.git('branch'), /commondir/);
      };

      await halfMade('before');
      await scratch.workspaces.begin(scratch.folder);
      scratch.git('branch');

      await halfMade('meanwhile');
      const { folder } = await scratch.workspaces.open(scratch.place('another'), base, null);
      assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
      scratch.git('branch');

      const old = new Date(Date.now() - 3_600_000);
      const all = join(scratch.folder, '.git/worktrees');
      await halfMade('at-last');
      for (const name of readdirSync(all)) utimesSync(join(all, name, 'gitdir'), old, old);
      const projectsFolder = join(scratch.root, 'projects');
      const { environment } = scratch;
      await makeWorkRefs({ projectsFolder, environment }).forgetGone(scratch.folder);
      scratch.git('gc', '--quiet');
      scratch.git('worktree', 'add', '-q', own);

      // Nobody but the user knows what this one is.
      writeFileSync(join(mine, 'commondir'), '');
      utimesSync(join(mine, 'gitdir'), old, old);
      await scratch.workspaces.begin(scratch.folder);
      await makeWorkRefs({ projectsFolder, environment }).forgetGone(scratch.folder);
      assert.equal(readFileSync(join(mine, 'commondir'), 'utf8'), '');
    } finally {
      scratch.remove();
    }
  });

  it('is mended at once when it was git alone', async () => {
    const scratch = new ScratchRepository('repository', files);
    try {
      const base = scratch.git('rev-parse', 'HEAD');
      const bin = join(scratch.root, 'bin');
      mkdirSync(bin);
      const script = `#!/bin/sh
PATH=$REAL_PATH git "$@" || exit
case " $* " in
*' worktree add '*) : > ${scratch.folder}/.git/worktrees/worktree/commondir; kill -9 $$
esac
`;
      writeFileSync(join(bin, 'git'), script, { mode: 0o755 });
      const { PATH = '' } = scratch.environment;
      const environment = { ...scratch.environment, REAL_PATH: PATH, PATH: `${bin}:${PATH}` };
      const workspaces = makeWorkspaces({ layout: scratch.layout, environment });
      await assert.rejects(workspaces.open(scratch.place(), base, null), /was ended by a signal/);
      scratch.git('worktree', 'add', '-q', join(scratch.root, 'own'));
      const { folder } = await scratch.workspaces.open(scratch.place(), base, null);
      assert.equal(scratch.gitIn(folder, 'status', '--porcelain'), '');
      assert.equal(scratch.git('worktree', 'list').split('\n').length, 3);
    } finally {
      scratch.remove();
    }
  });

  it('does not matter in the middle of a removal', async () => {
    const scratch = new ScratchRepository('repository', files);
    try {
      const place = scratch.place();
      const base = scratch.git('rev-parse', 'HEAD');
      const { folder } = await scratch.workspaces.open(place, base, null);
      scratch.write('a.txt', 'work\n', folder);
      const gitDir = scratch.gitIn(folder, 'rev-parse', '--absolute-git-dir');
      const life = { project: join(scratch.root, 'maos'), environment: scratch.environment };
      const step = (next: Step) => take(next, { ...life, place, base, stepFile: '' });
      await step('snapshot');
      // Moved aside, half deleted there, and half deleted in the repository.
      renameSync(folder, `${folder}.removed`);
      rmSync(join(`${folder}.removed`, 'a.txt'));
      rmSync(join(gitDir, 'HEAD'));
      await step('remove');
      assert.equal(scratch.git('show', `${place.branch}:a.txt`), 'work');
      assert.deepEqual(readdirSync(join(folder, '..')), []);
      assert.ok(!existsSync(join(scratch.folder, '.git/worktrees')));
    } finally {
      scratch.remove();
    }
  });
});
