import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { makeHomeCode } from '../../../src/infrastructure/fleet/home-code.ts';
import { makeHostedCode } from '../../../src/infrastructure/fleet/hosted-code.ts';
import { type Git, makeGit } from '../../../src/infrastructure/git/run-git.ts';
import { endedAt } from '../git/sudden-end.ts';
import { Exchange, from, project } from './exchange.ts';

const never = new AbortController().signal;
const log = { log: () => {} };

/** Every instant would take minutes. */
const stride = 4;

/** Lets a step die at its writes and git commands, each time in a new world. */
async function dyingEverywhere(
  least: number,
  world: () => Promise<{
    readonly environment: Record<string, string>;
    step(git: Git): Promise<unknown>;
    after(at: number): Promise<void>;
  }>,
): Promise<void> {
  let at = 1;
  for (; ; at += stride) {
    const { environment, step, after } = await world();
    const hasDied = await endedAt(at, makeGit(environment), step);
    await after(at);
    if (!hasDied) break;
  }
  assert.ok(at > least, `it was over before instant ${at}`);
}

describe('a machine that dies while code travels', { timeout: 600_000 }, () => {
  it('loses nothing on a host that makes a worktree', async (t) => {
    await dyingEverywhere(20, async () => {
      const exchange = new Exchange(t);
      const { environment } = exchange.repository;
      const start = exchange.repository.git('rev-parse', 'HEAD');
      const order = await exchange.order(exchange.agent(), from(start));
      return {
        environment,
        step: (git) =>
          makeHostedCode({ layout: exchange.hostLayout, environment, log, git, fetchFrom: [] }).open(
            order,
            exchange.source(order.agent),
            never,
          ),
        after: async (at) => {
          // The attempt was never started. The next one may come to this host.
          await exchange.host.remove(order);
          const second = await exchange.order({ ...order.agent, attempt: 2 }, from(start));
          await exchange.work(second, (folder) => writeFileSync(join(folder, 'b.txt'), `${at}\n`));
          await exchange.home.take(second.agent, await exchange.taken(second), exchange.getFile);
          const kept = await exchange.received(second.agent, start);
          assert.equal(exchange.repository.git('show', `${kept?.commit}:b.txt`), String(at));
          exchange.repository.remove();
        },
      };
    });
  });

  it('loses nothing on a host that takes the work, and removes the worktree', async (t) => {
    await dyingEverywhere(20, async () => {
      const exchange = new Exchange(t);
      const { environment } = exchange.repository;
      const start = exchange.repository.git('rev-parse', 'HEAD');
      const order = await exchange.order(exchange.agent(), from(start));
      const folder = await exchange.work(order, (made) => writeFileSync(join(made, 'b.txt'), 'mine\n'));
      let sent = await exchange.taken(order);
      return {
        environment,
        step: async (git) => {
          const host = makeHostedCode({ layout: exchange.hostLayout, environment, log, git, fetchFrom: [] });
          await host.take(order, exchange.put);
          await host.remove(order);
        },
        after: async () => {
          // Without a worktree, its work has been sent before.
          if (existsSync(folder)) sent = await exchange.taken(order);
          await exchange.host.remove(order);
          assert.equal(existsSync(folder), false);
          await exchange.home.take(order.agent, sent, exchange.getFile);
          const kept = await exchange.received(order.agent, start);
          assert.equal(exchange.repository.git('show', `${kept?.commit}:b.txt`), 'mine');
          exchange.repository.remove();
        },
      };
    });
  });

  it('loses nothing at home, which takes the work again', async (t) => {
    await dyingEverywhere(20, async () => {
      const exchange = new Exchange(t);
      const { repository } = exchange;
      const { environment, layout, folder: root } = repository;
      const start = repository.git('rev-parse', 'HEAD');
      const order = await exchange.order(exchange.agent(), from(start));
      await exchange.work(order, (folder) => writeFileSync(join(folder, 'b.txt'), 'mine\n'));
      const work = await exchange.taken(order);
      return {
        environment,
        step: async (git) => {
          await makeHomeCode({ project, root, layout, environment, git }).take(
            order.agent,
            work,
            exchange.getFile,
          );
          await exchange.received(order.agent, start);
        },
        after: async () => {
          await exchange.home.take(order.agent, work, exchange.getFile);
          const kept = await exchange.received(order.agent, start);
          assert.equal(repository.git('show', `${kept?.commit}:b.txt`), 'mine');
          assert.equal(repository.git('status', '--porcelain'), '');
          assert.equal(repository.git('fsck', '--strict'), '');
          const scratch = join(layout.project, 'git');
          // At most the two of the process that died: a bundle is received in one, and looked at in another.
          assert.ok(readdirSync(scratch).length <= 2);
          repository.remove();
        },
      };
    });
  });
});
