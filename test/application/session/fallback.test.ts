import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Settings } from '../../../src/application/ports/settings.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import { fakeClaudeBackend, player, refusal, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { realProject, run, shell, start } from '../../helpers/real-project.ts';

const hours = (count: number) => new Date(Math.floor(Date.now() / 1000) * 1000 + count * 3_600_000);

/** Three CLIs with the same protocol. */
function project(t: TestContext, more: Partial<Settings> = {}) {
  const quota = { maxRetries: 3, baseDelayMs: 100, maxDelayMs: 5_000, autoResume: false, refusedMs: null };
  return realProject(t, {
    settings: { quota, ...more },
    backends: (root) =>
      ['claude', 'second', 'third'].map((name) => ({ ...fakeClaudeBackend(join(root, 'bin')), name })),
  });
}

describe('an agent whose quota is used up', () => {
  it('goes on with the next of its backends, in a new conversation, and that is recorded', async (t) => {
    const real = project(t);
    const plays = [refusal(hours(2)), refusal(hours(1)), [turn(5), success('Done elsewhere.')]];
    const fallback = ['second', 'third'];
    const done = await run(real, [player(real.root, 'a', plays, { fallback, model: 'opus' })]);
    const agent = done.agent('a');
    assert.deepEqual([done.state, agent.result], ['completed', 'Done elsewhere.']);
    assert.deepEqual([agent.backend, agent.model, agent.attempt], ['third', null, 3]);
    const started = done.of('agent.started', 'a').map(({ data }) => data.backend);
    assert.deepEqual(started, ['claude', 'second', 'third']);
    assert.deepEqual(startsOf(real.root, 'a'), [null, null, null], 'no conversation is gone on with');
    const fell = done.of('agent.fell_back', 'a').map(({ data }) => [data.from, data.backend]);
    assert.deepEqual(fell, [
      ['claude', 'second'],
      ['second', 'third'],
    ]);
    assert.match(done.of('agent.fell_back', 'a')[0]?.data.reason ?? '', /Request rejected \(429\)/);
  });

  it('waits for the first that answers where all of them refuse', async (t) => {
    const real = project(t, {
      quota: { maxRetries: 3, baseDelayMs: 50, maxDelayMs: 5_000, autoResume: false, refusedMs: null },
    });
    const plays = [refusal(hours(2)), refusal(null), [success('At last.')]];
    const done = await run(real, [player(real.root, 'a', plays, { fallback: ['second'] })]);
    assert.deepEqual([done.agent('a').result, done.agent('a').backend], ['At last.', 'second']);
    assert.equal(done.of('agent.fell_back', 'a').length, 1);
    assert.equal(done.of('agent.postponed', 'a').length, 1);
  });

  it('does not go on elsewhere after a failure', async (t) => {
    const real = project(t);
    const done = await run(real, [player(real.root, 'a', [[{ exit: 3 }]], { fallback: ['second'] })]);
    assert.deepEqual([done.agent('a').state, done.agent('a').backend], ['failed', 'claude']);
    assert.equal(startsOf(real.root, 'a').length, 1);
  });
});

describe('what a role gets where the plan says nothing', () => {
  const tester = { backend: 'second', model: 'fast', fallback: ['third'] };
  const roles = new Map([['tester', tester]]);

  it('is what the settings say of it', async (t) => {
    const real = project(t, { roles });
    const plays = [refusal(hours(1)), [success('Third.')]];
    const { backend: _, ...plain } = player(real.root, 'a', plays);
    const done = await run(real, [plain]);
    const started = done.of('agent.started', 'a').map(({ data }) => data.backend);
    assert.deepEqual(started, ['second', 'third']);
    assert.equal(done.agent('a').backends?.[0]?.model, 'fast');
  });

  it('gives way to the plan, and a model is only used where it belongs', async (t) => {
    const real = project(t, { roles });
    const done = await run(real, [
      player(real.root, 'a', [[success('A.')]]),
      player(real.root, 'b', [[success('B.')]], { backend: 'second', fallback: [], model: 'large' }),
      shell('c', 'echo C.'),
    ]);
    const facts = ['a', 'b', 'c'].map((name) => {
      const { backend, model, backends } = done.agent(name);
      return [backend, model, backends?.map((choice) => choice.backend) ?? null];
    });
    assert.deepEqual(facts, [
      ['claude', null, ['claude', 'third']],
      ['second', 'large', null],
      ['command', null, null],
    ]);
  });

  it('goes before what its file says, which goes before the default', async (t) => {
    const real = project(t, { roles: new Map([['scribe', { ...tester, backend: null, model: null }]]) });
    mkdirSync(join(real.root, '.claude', 'agents'), { recursive: true });
    const text = '---\nname: scribe\ndescription: Writes.\nbackend: second\nmodel: quill\n---\nWrite.\n';
    writeFileSync(join(real.root, '.claude', 'agents', 'scribe.md'), text);
    const { backend: _, ...plain } = player(real.root, 'a', [[success('A.')]], { role: 'scribe' });
    const { backend, model, backends } = (await run(real, [plain])).agent('a');
    assert.deepEqual([backend, model, backends?.length], ['second', 'quill', 2]);
  });
});

describe('a fallback that cannot be', () => {
  const refused =
    (fallback: string[], code: 'INVALID_PLAN' | 'INVALID_INPUT', words: RegExp) => async (t: TestContext) => {
      const real = project(t);
      const plan = start(real, [player(real.root, 'a', [[success('A.')]], { fallback })]);
      await assert.rejects(plan, (error) => {
        assert.ok(isMaosError(error, code), String(error));
        assert.match(error.message, words);
        return true;
      });
    };

  it('is no backend at all', refused(['nobody'], 'INVALID_INPUT', /Unknown backend "nobody"\. Backends: /));
  it('runs commands', refused(['command'], 'INVALID_PLAN', /cannot fall back from "claude" to "command"/));
});
