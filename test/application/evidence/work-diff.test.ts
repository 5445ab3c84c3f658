import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasWork, workDiff } from '../../../src/application/evidence/work-diff.ts';
import { realProject } from '../../helpers/real-project.ts';
import { landedSession } from './checked-session.ts';

describe('the diff of an agent', () => {
  it('is from its base to its commit, or to what it has committed itself', async (t) => {
    const real = realProject(t);
    const git = (...args: readonly string[]): string => {
      const identity = ['-c', 'user.name=a', '-c', 'user.email=a@b.invalid'];
      return execFileSync('git', ['-C', real.root, ...identity, ...args], { encoding: 'utf8' }).trim();
    };
    git('init', '--quiet');
    const commit = (content: string): string => {
      writeFileSync(join(real.root, 'a.txt'), content);
      git('add', '.');
      git('commit', '--quiet', '-m', content.trim());
      return git('rev-parse', 'HEAD');
    };
    const base = commit('one\n');
    const made = commit('two\n');
    const { agent } = landedSession(real);
    assert.ok(hasWork(agent));
    const { session } = real.project.store.load(agent.sessionId);
    const of = async (work: { commit: string | null; branch?: string }, stat = false) => {
      const working = { ...agent, work: { ...agent.work, base, diff: null, ...work } };
      const { commit, text } = await workDiff(real.project, session, working, { colour: false, stat });
      return { commit, text };
    };
    const settled = await of({ commit: made });
    assert.equal(settled.commit, made);
    assert.match(settled.text, /^diff --git a\/a\.txt b\/a\.txt\n[\s\S]*\n-one\n\+two\n$/);
    assert.match((await of({ commit: made }, true)).text, /^ a\.txt \| 2 \+-\n/);
    git('branch', 'maos/s/builder', made);
    assert.equal((await of({ commit: null, branch: 'maos/s/builder' })).text, settled.text);
    git('branch', '--force', 'maos/s/builder', base);
    assert.deepEqual(await of({ commit: null, branch: 'maos/s/builder' }), { commit: null, text: '' });
    assert.deepEqual(await of({ commit: null, branch: 'maos/s/gone' }), { commit: null, text: '' });
    assert.deepEqual(await of({ commit: base }), { commit: base, text: '' });
  });
});
