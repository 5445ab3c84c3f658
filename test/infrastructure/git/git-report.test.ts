import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { reportGit } from '../../../src/infrastructure/git/git-report.ts';
import { checkGit } from '../../../src/presentation/cli/facts/git-checks.ts';
import { ScratchRepository } from './scratch-repository.ts';

describe('what doctor says of git', () => {
  it('is the version, whether worktrees work here, and what sessions left', async (t) => {
    const repository = new ScratchRepository();
    t.after(() => repository.remove());
    const { folder, root, environment } = repository;
    const projectsFolder = join(root, 'projects');
    const report = (project = folder, env: Record<string, string> = environment, isKnown = false) =>
      reportGit({ folder: project, project, projectsFolder, environment: env, isKnown: () => isKnown });
    const said = async (...args: Parameters<typeof report>) =>
      checkGit(await report(...args)).map(({ state, detail, fix }) =>
        `${state}: ${detail} ${fix ?? ''}`.trim(),
      );
    assert.match((await said()).join('\n'), /^ok: \d+\.\d+.*, agents can work in worktrees$/);

    const empty = join(root, 'empty');
    mkdirSync(empty);
    assert.match((await said(empty)).join('\n'), /^ok: .*, no repository here, so no worktrees$/);
    const missing = await said(folder, { PATH: empty });
    assert.match(missing.join('\n'), /^warning: not usable; agents cannot work in worktrees .*Install git/);
    const unborn = new ScratchRepository('unborn', {});
    t.after(() => unborn.remove());
    assert.match((await said(unborn.folder)).join('\n'), /^warning: \d+\..*no commit yet/);

    const session = 'sess_00000000000000000000000001';
    const left = join(projectsFolder, `p/sessions/${session}/agents/agent_coder_1_abcdef/worktree`);
    mkdirSync(dirname(left), { recursive: true });
    repository.git('worktree', 'add', '-q', '--detach', left);
    assert.match((await said())[1] ?? '', /^warning: 1 worktree of removed sessions, such as .*maos gc/);
    assert.equal((await said(folder, environment, true)).length, 1);
  });
});
