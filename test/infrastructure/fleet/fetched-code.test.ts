import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { decodeOrder, encodeOrder } from '../../../src/infrastructure/fleet/launch-order.ts';
import { GitServer } from '../../helpers/git-server.ts';
import { until } from '../../helpers/waiting.ts';
import { Exchange, from, project } from './exchange.ts';

/** A home whose commit is on a remote too, from which the host may fetch. */
async function common(t: TestContext) {
  const exchange = new Exchange(t);
  const { repository } = exchange;
  const folder = join(repository.root, 'remotes');
  mkdirSync(folder);
  const bare = join(folder, 'x.git');
  repository.git('init', '-q', '--bare', bare);
  const server = await GitServer.start(t, folder);
  const url = `${server.url}/x.git`;
  // What its user pushes to is not what others fetch from.
  repository.git('remote', 'add', 'origin', url);
  repository.git('remote', 'set-url', '--push', 'origin', bare);
  repository.git('push', '-q', 'origin', 'main');
  exchange.fetchFrom.push(server.url);
  const start = repository.git('rev-parse', 'HEAD');
  return { exchange, repository, server, bare, url, start };
}

describe('code that a remote has too', { timeout: 120_000 }, () => {
  it('is fetched from there by a host that may, and not sent', async (t) => {
    const { exchange, url, start } = await common(t);
    const order = await exchange.order(exchange.agent(), from(start));
    assert.deepEqual(order.code?.bundles, [{ commits: [start], blob: null, remotes: [url] }]);
    await exchange.work(order, (folder) =>
      assert.equal(readFileSync(join(folder, 'a.txt'), 'utf8'), 'one\n'),
    );
    assert.deepEqual([exchange.asked, exchange.fetched], [[], []]);
    await exchange.home.take(order.agent, await exchange.taken(order), exchange.getFile);
  });

  it('is sent as far as only its home has it', async (t) => {
    const { exchange, repository, server } = await common(t);
    repository.write('big.txt', Array.from({ length: 9_999 }, (_, at) => String(at * at * at)).join('\n'));
    repository.commitAll('Pushed');
    repository.git('push', '-q', 'origin', 'main');
    repository.write('b.txt', 'local\n');
    const local = repository.commitAll('Not pushed');
    const order = await exchange.order(exchange.agent(), from(local));
    const [history, rest] = order.code?.bundles ?? [];
    assert.deepEqual([history?.commits, history?.blob], [[repository.git('rev-parse', 'HEAD~1')], null]);
    assert.ok(rest?.blob);
    assert.ok((await exchange.fleet.get(rest.blob)).length < 2_000);
    await exchange.work(order, (folder) =>
      assert.equal(readFileSync(join(folder, 'b.txt'), 'utf8'), 'local\n'),
    );
    assert.deepEqual(exchange.asked, []);
    assert.ok(server.connections > 0);
  });

  it('is asked for by a host that may not fetch from there', async (t) => {
    const { exchange, server, start } = await common(t);
    exchange.fetchFrom[0] = `${server.url}/x.git/y`;
    const order = await exchange.order(exchange.agent(), from(start));
    await exchange.work(order);
    assert.deepEqual(exchange.asked, [{ commits: [start], has: [] }]);
    assert.equal(server.connections, 0);
    // It is sent once for all hosts.
    const [next] =
      (await exchange.order({ ...exchange.agent(), attempt: 2 }, from(start))).code?.bundles ?? [];
    assert.deepEqual([next?.commits, next?.blob?.name], [[start], exchange.fetched[0]]);
  });

  it('is asked for where the remote does not answer as expected, without what the host has', async (t) => {
    const { exchange, repository, bare, start } = await common(t);
    await exchange.work(await exchange.order(exchange.agent(), from(start)));
    repository.write('c.txt', 'more\n');
    const more = repository.commitAll('More');
    repository.git('push', '-q', 'origin', 'main');
    rmSync(bare, { recursive: true });
    await exchange.work(await exchange.order({ ...exchange.agent(), attempt: 2 }, from(more)), (folder) =>
      assert.equal(readFileSync(join(folder, 'c.txt'), 'utf8'), 'more\n'),
    );
    assert.deepEqual(exchange.asked, [{ commits: [more], has: [start] }]);
    assert.match(exchange.logged.join('\n'), /could not be fetched from a remote .*x\.git/);
  });

  it('is found in a branch where the remote gives only those', async (t) => {
    const { exchange, repository, start } = await common(t);
    repository.gitIn(repository.root, 'config', '--global', 'protocol.version', '0');
    repository.write('d.txt', 'later\n');
    repository.commitAll('Later');
    repository.git('push', '-q', 'origin', 'main');
    await exchange.work(await exchange.order(exchange.agent(), from(start)));
    assert.deepEqual([exchange.asked, exchange.fetched], [[], []]);
  });

  it('is not fetched from where an agent has turned the address to', async (t) => {
    const { exchange, repository, server, start } = await common(t);
    await exchange.work(await exchange.order(exchange.agent(), from(start)));
    const other = await GitServer.start(t, null);
    const config = join(exchange.hostLayout.project, 'code.git/config');
    repository.git('config', '--file', config, `url.${other.url}/.insteadOf`, `${server.url}/`);
    repository.write('c.txt', 'more\n');
    const more = repository.commitAll('More');
    repository.git('push', '-q', 'origin', 'main');
    await exchange.work(await exchange.order({ ...exchange.agent(), attempt: 2 }, from(more)));
    assert.equal(other.connections, 0);
    assert.deepEqual(exchange.asked, []);
  });

  it('is not waited for when the agent is called off', async (t) => {
    const { exchange, repository, start } = await common(t);
    const silent = await GitServer.start(t, null);
    repository.git('remote', 'set-url', 'origin', `${silent.url}/x.git`);
    exchange.fetchFrom.push(silent.url);
    const order = await exchange.order(exchange.agent(), from(start));
    const called = new AbortController();
    const source = exchange.source(order.agent);
    const opening = exchange.host.open(order, source, called.signal);
    await until(() => silent.connections > 0, 'the connection');
    called.abort(new Error('called off'));
    await assert.rejects(opening, /called off/);
  });

  it('is not named where the remote is a folder, or its address has a secret', async (t) => {
    const { exchange, repository, bare, server, start } = await common(t);
    repository.git('remote', 'set-url', 'origin', bare);
    const [whole] = (await exchange.order(exchange.agent(), from(start))).code?.bundles ?? [];
    assert.deepEqual([whole?.commits, whole?.remotes], [[start], undefined]);
    assert.ok(whole?.blob);
    repository.git('remote', 'set-url', 'origin', server.url.replace('git://', 'git://ann:secret@'));
    repository.git('remote', 'add', 'hub', 'https://ann:secret@github.com/acme/x.git');
    const order = await exchange.order({ ...exchange.agent(), attempt: 2 }, from(start));
    assert.doesNotMatch(Buffer.from(encodeOrder(order)).toString(), /secret/);
  });

  it('is not sent to a host that asks for something else of the repository', async (t) => {
    const { exchange, repository, start } = await common(t);
    repository.git('checkout', '-q', '-b', 'private');
    repository.write('p.txt', 'private\n');
    const hidden = repository.commitAll('Private');
    repository.git('checkout', '-q', 'main');
    await assert.rejects(exchange.ask(exchange.agent(), { commits: [hidden], has: [] }), {
      code: 'FORBIDDEN',
    });
    await assert.rejects(exchange.ask(exchange.agent(), { commits: ['1'.repeat(40)], has: [] }), {
      code: 'FORBIDDEN',
    });
    assert.match(
      (await exchange.ask(exchange.agent(), { commits: [start], has: ['2'.repeat(40)] })).name,
      new RegExp(project),
    );
  });

  for (const url of [
    'file:///etc',
    '/etc',
    'ext::sh -c true',
    'https://a:b@github.com/x',
    'git@h:../x',
    '--upload-pack=x',
  ]) {
    it(`is refused in an order that names ${url}`, async (t) => {
      const { exchange, start } = await common(t);
      const order = await exchange.order(exchange.agent(), from(start));
      const code = { bundles: [{ commits: [start], blob: null, remotes: [url] }], brought: null };
      assert.throws(() => decodeOrder(encodeOrder({ ...order, code })), { code: 'INVALID_INPUT' });
    });
  }
});
