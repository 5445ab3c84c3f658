import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { packTar } from 'modern-tar';
import type { HostedWork } from '../../../src/application/ports/fleet.ts';
import type { LaunchOrder } from '../../../src/application/ports/hosting.ts';
import { keptRefOf } from '../../../src/domain/worktree.ts';
import { unpackBrought } from '../../../src/infrastructure/fleet/brought-files.ts';
import { makeHomeCode } from '../../../src/infrastructure/fleet/home-code.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';
import { Exchange, from, project } from './exchange.ts';

describe('the code of an agent on another machine', () => {
  it('goes out, and its work comes back onto its branch, without touching the checkout', async (t) => {
    const exchange = new Exchange(t);
    const { repository } = exchange;
    repository.write('a.txt', 'changed here\n');
    const start = repository.git('rev-parse', 'HEAD');
    const agent = exchange.agent();
    const order = await exchange.order(agent, from(start));
    const folder = await exchange.work(order, (worktree) => {
      assert.equal(readFileSync(join(worktree, 'a.txt'), 'utf8'), 'one\n');
      writeFileSync(join(worktree, 'b.txt'), 'mine\n');
      repository.commitAll('Its own commit', worktree);
      writeFileSync(join(worktree, 'c.txt'), 'not committed\n');
    });
    assert.equal(await exchange.received(agent, start), null);
    const work = await exchange.taken(order);
    await exchange.home.take(agent, work, exchange.getFile);
    await exchange.home.take(agent, work, exchange.getFile);
    const { branch } = exchange.place(agent);
    const first = await exchange.received(agent, start);
    const again = await exchange.received(agent, start);
    assert.deepEqual(again, first);
    assert.deepEqual(first?.diff, { files: 2, insertions: 2, deletions: 0 });
    assert.equal(repository.git('rev-parse', branch), first?.commit);
    assert.equal(repository.git('show', `${branch}:c.txt`), 'not committed');
    assert.equal(repository.git('log', '--format=%an', '-1', branch), 'far (MAOS)');
    assert.equal(repository.git('status', '--porcelain'), ' M a.txt');
    assert.match(repository.git('branch', '--format=%(refname:short)'), /main/);
    repository.git('fsck', '--strict');
    await exchange.host.remove(order);
    assert.equal(existsSync(folder), false);
    assert.equal(await exchange.host.take(order, exchange.put), null);
  });

  it('is sent once for all agents of a commit, and a later attempt builds on what came back', async (t) => {
    const exchange = new Exchange(t);
    const start = exchange.repository.git('rev-parse', 'HEAD');
    const first = await exchange.order(exchange.agent(), from(start));
    await exchange.work(first, (folder) => writeFileSync(join(folder, 'b.txt'), 'mine\n'));
    const work = await exchange.taken(first);
    await exchange.home.take(first.agent, work, exchange.getFile);
    await exchange.host.remove(first);
    const kept = await exchange.received(first.agent, start);
    assert.ok(kept);
    const count = exchange.fetched.length;
    const agent = { ...first.agent, attempt: 2 };
    const second = await exchange.order(agent, from(kept.commit));
    await exchange.work(second, (folder) => {
      assert.equal(readFileSync(join(folder, 'b.txt'), 'utf8'), 'mine\n');
      writeFileSync(join(folder, 'b.txt'), 'better\n');
    });
    // The host had both commits.
    assert.equal(exchange.fetched.length, count);
    await exchange.home.take(agent, await exchange.taken(second), exchange.getFile);
    const better = await exchange.received(agent, start);
    assert.equal(exchange.repository.git('show', `${better?.commit}:b.txt`), 'better');
  });

  it('stays on a host that settles an earlier attempt when the next one is there', async (t) => {
    const exchange = new Exchange(t);
    const { repository, host } = exchange;
    const start = repository.git('rev-parse', 'HEAD');
    const agent = exchange.agent();
    const orders = [];
    for (const attempt of [9, 10]) {
      orders.push(await exchange.order({ ...agent, attempt }, from(start)));
      await exchange.work(orders.at(-1) as LaunchOrder, (folder) =>
        writeFileSync(join(folder, 'b.txt'), `${attempt}\n`),
      );
    }
    const [first, second] = orders as [LaunchOrder, LaunchOrder];
    await host.remove(first);
    await exchange.home.take(second.agent, await exchange.taken(second), exchange.getFile);
    const kept = await exchange.received(second.agent, start);
    assert.equal(repository.git('show', `${kept?.commit}:b.txt`), '10');
    await host.remove(second);
    assert.equal(await host.take(second, exchange.put), null);
    const refs = join(exchange.hostLayout.project, 'code.git');
    assert.doesNotMatch(repository.git('-C', refs, 'for-each-ref'), /start|heads/);
  });

  it('needs nothing to come back if the agent has changed nothing', async (t) => {
    const exchange = new Exchange(t);
    const start = exchange.repository.git('rev-parse', 'HEAD');
    const order = await exchange.order(exchange.agent(), from(start));
    await exchange.work(order, () => {});
    const work = await exchange.taken(order);
    assert.deepEqual(work, { how: 'taken', commit: start, history: null, bundle: null, unkept: [] });
    await exchange.home.take(order.agent, work, exchange.getFile);
    assert.equal((await exchange.received(order.agent, start))?.commit, start);
  });

  it('keeps commits that the agent has dropped', async (t) => {
    const exchange = new Exchange(t);
    const { repository } = exchange;
    const start = repository.git('rev-parse', 'HEAD');
    const order = await exchange.order(exchange.agent(), from(start));
    let dropped = '';
    await exchange.work(order, (folder) => {
      writeFileSync(join(folder, 'b.txt'), 'dropped\n');
      dropped = repository.commitAll('Dropped', folder);
      repository.gitIn(folder, 'reset', '-q', '--hard', start);
    });
    await exchange.home.take(order.agent, await exchange.taken(order), exchange.getFile);
    assert.equal(repository.git('show', `${dropped}:b.txt`), 'dropped');
    assert.match(repository.git('for-each-ref', '--contains', dropped), /1\.history/);
  });

  it('goes out again to a host that has removed what earlier attempts have left', async (t) => {
    const exchange = new Exchange(t);
    const start = exchange.repository.git('rev-parse', 'HEAD');
    const first = await exchange.order(exchange.agent(), from(start));
    await exchange.work(first, (folder) => writeFileSync(join(folder, 'b.txt'), 'mine\n'));
    rmSync(exchange.hostLayout.session(first.agent.sessionId), { recursive: true });
    const second = await exchange.order({ ...first.agent, attempt: 2 }, from(start));
    await exchange.work(second, (folder) => assert.equal(existsSync(join(folder, 'b.txt')), false));
  });

  it('brings the files that copy names, which no commit of it contains', async (t) => {
    const exchange = new Exchange(t);
    const { repository } = exchange;
    repository.write('.env', 'KEY=1\n');
    repository.write('config/a.local', 'local\n');
    repository.write('.worktreeinclude', '*.secret\n');
    repository.write('.gitignore', '*.secret\n');
    repository.write('deep/x.secret', 'hidden\n');
    const start = repository.git('rev-parse', 'HEAD');
    const agent = exchange.agent({
      copy: ['.env', 'config/*.local'],
      setup: 'cat .env > made.txt',
      ports: 2,
    });
    const order = await exchange.order(agent, from(start));
    await exchange.work(order, (folder) => {
      assert.equal(readFileSync(join(folder, 'made.txt'), 'utf8'), 'KEY=1\n');
      assert.equal(readFileSync(join(folder, 'config/a.local'), 'utf8'), 'local\n');
      assert.equal(readFileSync(join(folder, 'deep/x.secret'), 'utf8'), 'hidden\n');
    });
    await exchange.home.take(agent, await exchange.taken(order), exchange.getFile);
    const kept = await exchange.received(agent, start);
    assert.equal(repository.git('ls-tree', '-r', '--name-only', kept?.commit ?? ''), 'a.txt\nmade.txt');
  });

  it('may begin with a merge in progress', async (t) => {
    const exchange = new Exchange(t);
    const { repository } = exchange;
    const base = repository.git('rev-parse', 'HEAD');
    repository.write('a.txt', 'ours\n');
    const ours = repository.commitAll('Ours');
    repository.git('checkout', '-q', '-b', 'theirs', base);
    repository.write('a.txt', 'theirs\n');
    const theirs = repository.commitAll('Theirs');
    const merge = { ours, theirs, paths: ['a.txt'] };
    const agent = exchange.agent();
    const order = await exchange.order(agent, { commit: ours, merge, later: [] });
    await exchange.work(order, (folder) => {
      assert.match(readFileSync(join(folder, 'a.txt'), 'utf8'), /<<<<<<</);
      writeFileSync(join(folder, 'a.txt'), 'both\n');
    });
    await exchange.home.take(agent, await exchange.taken(order), exchange.getFile);
    const kept = await exchange.received(agent, ours);
    assert.equal(repository.git('log', '-1', '--format=%P', kept?.commit ?? ''), `${ours} ${theirs}`);
  });

  it('replaces what a killed attempt has left on the host', async (t) => {
    const exchange = new Exchange(t);
    const start = exchange.repository.git('rev-parse', 'HEAD');
    const first = await exchange.order(exchange.agent(), from(start));
    await exchange.work(first, (folder) => {
      writeFileSync(join(folder, 'b.txt'), 'left\n');
      mkdirSync(join(folder, 'own'));
      exchange.repository.gitIn(join(folder, 'own'), 'init', '-q');
    });
    const second = await exchange.order({ ...first.agent, attempt: 2 }, from(start));
    await exchange.work(second, (folder) => assert.deepEqual(readdirSync(folder).sort(), ['.git', 'a.txt']));
  });

  it('is refused from a shallow clone, with what to do', async (t) => {
    const exchange = new Exchange(t);
    const { repository } = exchange;
    repository.commitAll('Second');
    const shallow = join(repository.root, 'shallow');
    repository.git('clone', '-q', '--depth', '1', `file://${repository.folder}`, shallow);
    const { layout, environment } = repository;
    const home = makeHomeCode({ project, root: shallow, layout, environment });
    const order = await exchange.order(exchange.agent(), from(repository.git('rev-parse', 'HEAD')));
    const session = { ...order.session, folder: shallow };
    await assert.rejects(home.send(new MemoryFleet(), 'x', { ...order, session }), /--unshallow/);
  });
});

describe('work from a host that is not to be trusted', () => {
  /** A host's answer with a commit that it has made itself. @param tree makes the tree of its commit */
  async function hostile(
    t: TestContext,
    change: (work: Extract<HostedWork, { how: 'taken' }>, bundle: Buffer) => HostedWork | Buffer,
  ) {
    const exchange = new Exchange(t);
    const start = exchange.repository.git('rev-parse', 'HEAD');
    const order = await exchange.order(exchange.agent(), from(start));
    await exchange.work(order, (folder) => writeFileSync(join(folder, 'b.txt'), 'mine\n'));
    const work = await exchange.taken(order);
    assert.ok(work.how === 'taken' && work.bundle !== null);
    const changed = change(work, Buffer.from(await exchange.fleet.get(work.bundle)));
    const told: HostedWork =
      'how' in changed ? changed : { ...work, bundle: await exchange.fleet.put('forged', changed) };
    return { exchange, start, agent: order.agent, told };
  }

  async function refused(given: Awaited<ReturnType<typeof hostile>>, why: RegExp): Promise<void> {
    const { exchange, agent, told, start } = given;
    const before = exchange.objects();
    await assert.rejects(exchange.home.take(agent, told, exchange.getFile), { message: why });
    assert.equal(exchange.objects(), before);
    assert.equal(await exchange.received(agent, start), null);
    await exchange.home.refuse(agent, 'It was refused.');
    await assert.rejects(exchange.received(agent, start), { code: 'FORBIDDEN', message: 'It was refused.' });
    assert.equal(await exchange.received({ ...agent, attempt: 2 }, start), null);
  }

  const replaced = (bundle: Buffer, what: string, by: string): Buffer =>
    Buffer.from(bundle.toString('latin1').replace(what, by), 'latin1');

  it('is refused with a ref of another agent', async (t) => {
    const given = await hostile(t, (_, bundle) => replaced(bundle, '/far/1', '/other/1'));
    await refused(given, /other\/1.*was not announced/);
  });

  it('is refused with a branch of the user', async (t) => {
    const given = await hostile(t, ({ commit }, bundle) =>
      replaced(bundle, '\n\n', `\n${commit} refs/heads/main\n\n`),
    );
    await refused(given, /refs\/heads\/main.*was not announced/);
  });

  it('is refused without what was announced', async (t) => {
    const given = await hostile(t, (work) => ({ ...work, history: work.commit }));
    await refused(given, /lacks a commit/);
  });

  it('is refused if it is cut', async (t) => {
    await refused(await hostile(t, (_, bundle) => bundle.subarray(0, bundle.length - 30)), /index-pack says/);
  });

  it('is refused if a byte is wrong', async (t) => {
    const given = await hostile(t, (_, bundle) => {
      const damaged = Buffer.from(bundle);
      damaged[damaged.length - 40] = (damaged[damaged.length - 40] ?? 0) ^ 0xff;
      return damaged;
    });
    await refused(given, /index-pack says/);
  });

  it('is refused if it is no bundle', async (t) => {
    await refused(await hostile(t, () => Buffer.from('#!/bin/sh\nrm -rf /\n\n')), /not a git bundle/);
  });

  it('is refused if it builds on what is not here', async (t) => {
    const given = await hostile(t, (_, bundle) => replaced(bundle, '\n-', `\n-${'1'.repeat(40)}\n-`));
    await refused(given, /builds on 1{40}/);
  });

  it('is refused if it claims a commit that was not sent', async (t) => {
    const given = await hostile(t, (work) => ({ ...work, commit: '2'.repeat(40), bundle: null }));
    await refused(given, /was not sent/);
  });

  it('is refused if it is too large', async (t) => {
    const given = await hostile(t, (work) => work);
    const getFile = async (_: unknown, path: string): Promise<void> => {
      writeFileSync(path, '');
      truncateSync(path, 257 * 1024 * 1024);
    };
    await assert.rejects(given.exchange.home.take(given.agent, given.told, getFile), {
      message: /too large/,
    });
  });

  for (const name of ['..', '.', '.git', '.GIT', 'git~1', 'a/b']) {
    it(`is refused with a tree that has an entry ${JSON.stringify(name)}`, async (t) => {
      const given = await hostile(t, (work) => work);
      const { exchange, agent } = given;
      const code = join(exchange.hostLayout.project, 'code.git');
      const git = (args: readonly string[], input = Buffer.alloc(0)): Buffer =>
        execFileSync('git', args, { cwd: code, input, env: exchange.repository.environment });
      const text = (...args: readonly string[]): string => git(args).toString().trim();
      const blob = text('rev-parse', `${given.start}:a.txt`);
      const entry = Buffer.concat([Buffer.from(`100644 ${name}\0`), Buffer.from(blob, 'hex')]);
      const tree = git(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], entry)
        .toString()
        .trim();
      const commit = text('commit-tree', tree, '-p', given.start, '-m', 'Evil');
      const ref = keptRefOf(agent.sessionId, agent.name, agent.attempt);
      const pack = git(
        ['pack-objects', '--revs', '--stdout', '-q'],
        Buffer.from(`${commit}\n^${given.start}\n`),
      );
      const header = `# v2 git bundle\n-${given.start}\n${commit} ${ref}\n\n`;
      const bundle = await exchange.fleet.put('evil', Buffer.concat([Buffer.from(header), pack]));
      const told: HostedWork = { how: 'taken', commit, history: null, bundle, unkept: [] };
      await refused({ ...given, told }, /index-pack says/);
    });
  }
});

describe('files from a home that is not to be trusted', () => {
  for (const name of [
    '../evil',
    '/tmp/evil',
    'a/../../evil',
    '.git/config',
    'sub/.GIT/hooks/x',
    'a//b',
    'a\\b',
  ]) {
    it(`are refused with the path ${JSON.stringify(name)}`, async (t) => {
      const { repository } = new Exchange(t);
      const archive = await packTar([{ header: { name, size: 1, mode: 0o600 }, body: 'x' }]);
      await assert.rejects(unpackBrought(archive, repository.folder), { code: 'FORBIDDEN' });
      assert.equal(repository.git('status', '--porcelain'), '');
    });
  }

  it('are refused through a link, and never replace a file of the commit', async (t) => {
    const { repository } = new Exchange(t);
    const file = (name: string) => ({ header: { name, size: 1, mode: 0o600 }, body: 'x' });
    assert.deepEqual(await unpackBrought(await packTar([file('a.txt')]), repository.folder), []);
    assert.equal(readFileSync(join(repository.folder, 'a.txt'), 'utf8'), 'one\n');
    const link = { header: { name: 'out', size: 0, type: 'symlink' as const, linkname: '/tmp' } };
    await assert.rejects(unpackBrought(await packTar([link]), repository.folder), { code: 'FORBIDDEN' });
  });
});
