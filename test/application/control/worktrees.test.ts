import assert from 'node:assert/strict';
import { realpathSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { orchestrate } from '../../../src/application/control/orchestrate.ts';
import { isSessionCheck } from '../../../src/domain/session-check.ts';
import { type PlanJson, requestOf } from '../../../src/presentation/contracts/plan-input.ts';
import { type RealProject, type RealProjectOptions, realProject, shell } from '../../helpers/real-project.ts';
import { ScratchRepository } from '../../infrastructure/git/scratch-repository.ts';

function inRepository(
  t: TestContext,
  options: RealProjectOptions & { readonly files?: Readonly<Record<string, string>> } = {},
): { readonly scratch: ScratchRepository; readonly real: RealProject } {
  const scratch = new ScratchRepository('repository', options.files);
  const real = realProject(t, { ...options, root: realpathSync(scratch.folder) });
  t.after(() => scratch.remove());
  return { scratch, real };
}

function ask(real: RealProject, plan: Partial<PlanJson>, origin: 'terminal' | 'client' = 'terminal') {
  return orchestrate(real.project, real.supervisor, requestOf({ objective: 'Do it.', ...plan }), origin);
}

const inWorktree = shell('a', 'true', { workspace: 'worktree' });

describe('a plan with worktrees', () => {
  it('records where they begin, and says what people should know', async (t) => {
    const { scratch, real } = inRepository(t);
    scratch.write('a.txt', 'changed\n');
    const begin = { commit: scratch.git('rev-parse', 'HEAD'), branch: 'main' };
    for (const dry_run of [true, false]) {
      const { workflow, remarks, stored } = await ask(real, { agents: [inWorktree], dry_run });
      assert.deepEqual(workflow.session.repository, begin);
      assert.match(remarks.join(), /^1 file has uncommitted changes/);
      assert.deepEqual(real.project.store.list({ limit: 5 }).length, stored ? 1 : 0);
      if (stored) assert.deepEqual(real.project.store.load(workflow.session.id).session.repository, begin);
    }
  });

  it('does not look at git when there are none', async (t) => {
    const real = realProject(t);
    const { workflow, remarks } = await ask(real, {
      agents: [shell('a', 'true', { verify: 'true' })],
      dry_run: true,
    });
    assert.deepEqual([workflow.session.repository, remarks], [null, []]);
  });

  it('is refused with the reason where git cannot, before anything is stored, in a dry run too', async (t) => {
    const real = realProject(t);
    const empty = inRepository(t, { files: {} }).real;
    for (const [where, message] of [
      [real, /git/],
      [empty, /has no commit yet/],
    ] as const) {
      for (const dry_run of [true, false]) {
        await assert.rejects(ask(where, { agents: [inWorktree], dry_run }), {
          code: 'INVALID_INPUT',
          message,
        });
      }
      assert.deepEqual(where.project.store.list({ limit: 5 }), []);
    }
  });

  it('begins where the session is started, which may be below the top of the repository', async (t) => {
    const { scratch, real } = inRepository(t, { files: { 'packages/api/a.txt': 'one\n' } });
    const folder = join(real.root, 'packages/api');
    const request = { ...requestOf({ objective: 'Do.', agents: [inWorktree], dry_run: true }), folder };
    const { workflow } = await orchestrate(real.project, real.supervisor, request, 'terminal');
    assert.equal(workflow.session.repository?.commit, scratch.git('rev-parse', 'HEAD'));
    rmSync(join(real.root, '.git'), { recursive: true });
    await assert.rejects(orchestrate(real.project, real.supervisor, request, 'terminal'), {
      code: 'INVALID_INPUT',
    });
  });

  it('implies the workspace where it says what a worktree gets, and completes all that it leaves out', async (t) => {
    const { real } = inRepository(t);
    const agents = [
      shell('a', 'true', { worktree: { ports: 2 }, verify: 'npm test' }),
      shell('b', 'true', { workspace: 'worktree', worktree: { setup: 'npm ci' } }),
      shell('c', 'true', { workspace: 'own', verify: { commands: ['x', 'y'], fix_rounds: 0 } }),
    ];
    const { workflow } = await ask(real, { agents, verify: ['z'], land: 'manual', dry_run: true });
    const rules = { timeoutMs: 1_800_000, fixRounds: 2, protect: [] };
    assert.deepEqual(
      workflow.agents.map(({ workspace, worktree, verify }) => [workspace, worktree, verify]),
      [
        ['worktree', { copy: [], link: [], setup: null, ports: 2 }, { commands: ['npm test'], ...rules }],
        ['worktree', { copy: [], link: [], setup: 'npm ci', ports: 0 }, null],
        ['own', null, { ...rules, commands: ['x', 'y'], fixRounds: 0 }],
        ['worktree', null, { ...rules, commands: ['z'], fixRounds: 0 }],
      ],
    );
    const { session, agents: planned } = workflow;
    assert.deepEqual([session.verify, session.land], [{ commands: ['z'], ...rules }, null]);
    assert.equal(planned.filter((agent) => isSessionCheck(session, agent)).length, 1);
    const auto = (await ask(real, { agents, verify: ['z'], land: 'auto', dry_run: true })).workflow;
    assert.equal(auto.session.land, 'auto');
    assert.equal(auto.agents.length, 3, 'the work is checked where it lands');
  });
});

describe('checks and setups asked for by a client', () => {
  const allowed = { settings: { allowCommands: ['true', 'npm run *'] } };

  it('are programs that the user must have allowed, each of them', async (t) => {
    const { real } = inRepository(t, allowed);
    const plans: readonly [forbidden: string | null, plan: Partial<PlanJson>][] = [
      ['npm test', { agents: [shell('a', 'true', { verify: 'npm test' })] }],
      ['rm x', { agents: [shell('a', 'true', { verify: ['npm run test', 'rm x'] })] }],
      ['rm x', { agents: [shell('a', 'true', { verify: { command: 'rm x' } })] }],
      ['npm ci', { agents: [shell('a', 'true', { worktree: { setup: 'npm ci' } })] }],
      ['make', { agents: [inWorktree], verify: { commands: ['npm run lint', 'make'] } }],
      ['npm run a; rm x', { agents: [inWorktree], verify: 'npm run a; rm x' }],
      [null, { agents: [{ ...inWorktree, verify: 'npm run test', worktree: { setup: 'npm run x' } }] }],
      [null, { agents: [inWorktree], verify: ['npm run lint', 'true'] }],
    ];
    for (const [command, plan] of plans) {
      const asked = () => ask(real, { ...plan, dry_run: true }, 'client');
      if (command === null) await asked();
      else {
        await assert.rejects(asked, {
          code: 'FORBIDDEN',
          message: /^Clients are not allowed to run the command .+"allowCommands": \[/,
          details: { command, setting: 'allowCommands' },
        });
      }
      await ask(real, { ...plan, dry_run: true }, 'terminal');
    }
  });

  it("need no permission for the program of the session's check, which is none", async (t) => {
    const real = realProject(t, { settings: { allowCommands: ['npm test', 'echo a'] } });
    const plan = { agents: [shell('a', 'echo a')], verify: 'npm test', dry_run: true };
    const { workflow } = await ask(real, plan, 'client');
    assert.deepEqual(workflow.agents[1]?.command, ['true']);
  });
});
