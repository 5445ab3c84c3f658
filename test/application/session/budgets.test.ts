import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { requestRetry } from '../../../src/application/control/control.ts';
import { noBudget } from '../../../src/domain/budget.ts';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { claudeProject, player, startsOf, success, turn } from '../../helpers/fake-claude.ts';
import { outcome, realProject, run, settled, shell, start } from '../../helpers/real-project.ts';
import { SteeredClock } from '../../helpers/steered-clock.ts';

describe("an agent's budget", () => {
  it('is warned of once when most of it is used, and stops the agent when all is, saying by how much', async (t) => {
    const clock = new SteeredClock();
    const real = claudeProject(t, { clock });
    const id = await start(real, [
      player(
        real.root,
        'a',
        [[turn(850), { wait: 'warned' }, turn(20), { wait: 'counted' }, turn(330), { ms: 60_000 }]],
        { budget: { max_tokens: 1_000 } },
      ),
      shell('after', 'echo never', { depends_on: ['a'] }),
    ]);
    const used = () => outcome(real, id).agent('a').usage?.inputTokens;
    await clock.passUntil(() => used() === 850 && outcome(real, id).of('budget.warned').length > 0);
    writeFileSync(join(real.root, 'warned'), '');
    await clock.passUntil(() => used() === 870);
    writeFileSync(join(real.root, 'counted'), '');
    await clock.passUntil(() => outcome(real, id).state === 'failed');
    const done = await settled(real, id);
    assert.equal(done.state, 'failed');
    const { failure, usage } = done.agent('a');
    assert.equal(failure?.kind, 'budget_exceeded');
    assert.match(failure?.message ?? '', /^Its budget is used up: 1,200 of 1,000 tokens \(20 % over\)/);
    assert.equal(usage?.inputTokens, 1_200);
    assert.deepEqual(
      done.of('budget.warned').map(({ data }) => data),
      [{ name: 'a', item: 'tokens', level: 'warning', spent: 850, limit: 1_000 }],
    );
    assert.deepEqual(agentProcesses([done.agent('a').id]), []);
    assert.equal(done.agent('after').failure?.kind, 'dependency_failed');
  });

  it('of turns, cost and time is checked the same way', async (t) => {
    const real = claudeProject(t);
    const wait = { ms: 60_000 };
    const done = await run(real, [
      player(real.root, 'turns', [[turn(1), turn(1), turn(1), wait]], { budget: { max_turns: 2 } }),
      shell('time', 'sleep 300', { budget: { max_minutes: 0.02 } }),
      player(real.root, 'within', [[turn(1), success('Fine.')]], {
        budget: { max_turns: 9, max_cost_usd: 5, max_tokens: 100_000, max_minutes: 5 },
      }),
    ]);
    assert.match(done.agent('turns').failure?.message ?? '', /3 of 2 turns \(50 % over\)/);
    assert.match(done.agent('time').failure?.message ?? '', /\d\.\ds of \d\.\ds running time \(\d+ % over\)/);
    assert.equal(done.agent('time').failure?.kind, 'budget_exceeded');
    assert.equal(done.agent('within').state, 'completed');
  });

  it('that is overshot by its last answer leaves the work done', async (t) => {
    const real = claudeProject(t);
    const done = await run(real, [
      player(real.root, 'a', [[success('Done.', 5_000, 2)]], { budget: { max_cost_usd: 1 } }),
    ]);
    assert.deepEqual([done.state, done.agent('a').result], ['completed', 'Done.']);
  });
});

describe("a session's budget", () => {
  it('ends the session once all of it is used: what runs is stopped, what waits is cancelled', async (t) => {
    const real = claudeProject(t);
    const done = await run(
      real,
      [
        player(real.root, 'first', [[success('One.', 700)]]),
        player(real.root, 'second', [[turn(800), { ms: 60_000 }]], { depends_on: ['first'] }),
        shell('beside', 'sleep 300'),
        shell('later', 'echo never', { depends_on: ['second'] }),
      ],
      { budget: { max_tokens: 1_000 } },
    );
    assert.equal(done.state, 'failed');
    assert.equal(done.agent('first').state, 'completed');
    for (const name of ['second', 'beside']) {
      assert.equal(done.agent(name).failure?.kind, 'budget_exceeded');
      assert.match(
        done.agent(name).failure?.message ?? '',
        /^The session's budget is used up: 1,500 of 1,000 tokens \(50 % over\)\./,
      );
    }
    assert.equal(done.agent('later').state, 'cancelled');
    assert.match(done.of('agent.cancelled', 'later')[0]?.data.reason ?? '', /budget is used up/);
    assert.deepEqual(
      done.of('budget.warned').map(({ data }) => data),
      [{ name: null, item: 'tokens', level: 'exceeded', spent: 1_500, limit: 1_000 }],
    );
    // A retry would only be cancelled again, and the reason would be lost.
    const retry = requestRetry(real.project, real.supervisor, done.id, null, 'test', 'Once more.');
    await assert.rejects(retry, {
      code: 'RESOURCE_LIMIT_EXCEEDED',
      message: /budget is used up: 1,500 of 1,000 tokens .*larger one/,
    });
    assert.equal(outcome(real, done.id).agent('second').failure?.kind, 'budget_exceeded');
  });

  it('can be raised by a retry, and goes on being one', async (t) => {
    const real = claudeProject(t);
    const done = await run(
      real,
      [
        player(real.root, 'first', [[success('One.', 1_700)]]),
        player(real.root, 'second', [[success('Two.', 100)]], { depends_on: ['first'] }),
      ],
      { budget: { max_tokens: 1_000 } },
    );
    const ask = (maxTokens: number) =>
      requestRetry(real.project, real.supervisor, done.id, null, 'test', 'More.', { maxTokens });
    await assert.rejects(ask(1_700), { code: 'RESOURCE_LIMIT_EXCEEDED', message: /1,700 of 1,700/ });
    await ask(1_750);
    const again = await settled(real, done.id);
    assert.equal(again.agent('second').state, 'completed');
    assert.equal(real.project.store.load(done.id).session.budget.maxTokens, 1_750);
    assert.equal(again.of('budget.warned').at(-1)?.data.limit, 1_750);
  });

  it('is looked at before each start: none after it is used up', async (t) => {
    const real = claudeProject(t);
    const done = await run(
      real,
      [
        player(real.root, 'first', [[success('One.', 1_700)]]),
        player(real.root, 'second', [[success('Two.')]], { depends_on: ['first'] }),
      ],
      { budget: { max_tokens: 1_000 } },
    );
    assert.equal(done.state, 'failed');
    assert.deepEqual(startsOf(real.root, 'second'), []);
    assert.equal(done.agent('second').state, 'cancelled');
  });

  it('may come from the settings', async (t) => {
    const real = realProject(t, {
      settings: { budgets: { agent: noBudget, session: { ...noBudget, maxWallMs: 500 } } },
    });
    const done = await run(real, [shell('a', 'sleep 300')]);
    assert.equal(done.agent('a').failure?.kind, 'budget_exceeded');
    assert.match(done.agent('a').failure?.message ?? '', /running time/);
  });
});
