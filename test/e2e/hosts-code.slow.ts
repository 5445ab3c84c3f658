import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { HostService } from '../../src/application/hosting/host-service.ts';
import type { HostedCode } from '../../src/application/ports/hosting.ts';
import { compilePattern } from '../../src/domain/command-permission.ts';
import { makeCommandBackend } from '../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../src/infrastructure/backends/registry.ts';
import { systemClock } from '../../src/infrastructure/clock.ts';
import { decodeOrder } from '../../src/infrastructure/fleet/launch-order.ts';
import { openNatsFleet } from '../../src/infrastructure/fleet/nats-fleet.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { GitServer } from '../helpers/git-server.ts';
import { Machines } from '../helpers/machines.ts';
import { MemoryMachine } from '../helpers/memory/host.ts';
import { noCalls, noQuotas } from '../helpers/no-travel.ts';
import { until } from '../helpers/waiting.ts';

const coder = (name: string, line: string, more: object = {}) => ({
  ...{ role: 'engineer', name, task: `Be ${name}.`, backend: 'command', stdin: 'none', pool: 'gpu' },
  ...{ command: ['sh', '-c', line], workspace: 'worktree', ...more },
});

/** Machines whose home's project is a repository. */
async function withRepository(t: TestContext): Promise<Machines & { readonly project: string }> {
  const machines = await Machines.start(t);
  const project = join(machines.folder, 'project');
  makeRepository(project);
  gitIn(project, 'config', 'user.name', 'Ann');
  gitIn(project, 'config', 'user.email', 'ann@example.org');
  await machines.startHost();
  return Object.assign(machines, { project });
}

const proof = { commands: ['test "$(cat b.txt)" = good'], fix_rounds: 2 };

describe('code of agents on other machines', { timeout: 300_000 }, () => {
  it('lands on main at home, with evidence of its checks there', async (t) => {
    const machines = await withRepository(t);
    const { project } = machines;
    writeFileSync(join(project, 'a.txt'), 'changed, not committed\n');
    writeFileSync(join(project, '.env'), 'secret\n');
    const line = `${machines.trace}; cat a.txt .env; echo $MAOS_BRANCH; echo good > b.txt; git -c user.name=X -c user.email=x@y add b.txt; git -c user.name=X -c user.email=x@y commit -qm Mine; echo more > c.txt`;
    const far = coder('far', line, { verify: proof, worktree: { copy: ['.env'] } });
    const after = coder('after', 'cat b.txt c.txt; echo end > d.txt', { depends_on: ['far'], verify: proof });
    const near = coder('near', 'cat d.txt; echo near > e.txt', { depends_on: ['after'] });
    const id = await machines.begin([far, after, { ...near, pool: undefined }]);
    await machines.maos('home', 'wait', id);
    assert.equal(await machines.log(id, 'far'), `one\nsecret\nmaos/${id}/far\n`);
    assert.equal(await machines.log(id, 'after'), 'good\nmore\n');
    assert.equal(await machines.log(id, 'near'), 'end\n');
    const status = await machines.status(id);
    assert.equal(status.state, 'completed', JSON.stringify(status));
    assert.equal(gitIn(project, 'log', '--format=%s', `maos/${id}/far`), 'maos: far\nMine\nFirst');
    assert.equal(gitIn(project, 'status', '--porcelain'), ' M a.txt\n?? .env');
    const { stdout } = await machines.maos('home', 'evidence', id);
    assert.match(stdout, /test "\$\(cat b\.txt\)" = good/);
    gitIn(project, 'checkout', '-q', 'a.txt');
    const landed = await machines.maos('home', 'land', id);
    assert.match(landed.stdout, /far +landed[\s\S]*near +landed/);
    assert.equal(gitIn(project, 'ls-tree', '--name-only', 'main'), 'a.txt\nb.txt\nc.txt\nd.txt\ne.txt');
    assert.equal(machines.launches(), 1);
    const worktrees = readdirSync(join(machines.folder, 'host/host'), { recursive: true, encoding: 'utf8' });
    assert.deepEqual(
      worktrees.filter((path) => path.endsWith('/worktree')),
      [],
    );
  });

  it('comes from a remote that the host may fetch from, and else from home when it asks', async (t) => {
    const machines = await withRepository(t);
    const { project, folder } = machines;
    mkdirSync(join(folder, 'remotes'));
    gitIn(project, 'init', '-q', '--bare', join(folder, 'remotes/x.git'));
    const server = await GitServer.start(t, join(folder, 'remotes'));
    gitIn(project, 'remote', 'add', 'origin', `${server.url}/x.git`);
    gitIn(project, 'remote', 'set-url', '--push', 'origin', join(folder, 'remotes/x.git'));
    gitIn(project, 'push', '-q', 'origin', 'main');
    const completed = async (): Promise<void> => {
      const id = await machines.begin([coder('far', 'cat a.txt; echo good > b.txt')]);
      await machines.maos('home', 'wait', id);
      assert.equal(await machines.log(id, 'far'), 'one\n');
      assert.equal(gitIn(project, 'show', `maos/${id}/far:b.txt`), 'good');
    };
    machines.configure('host', { allowCommands: ['*'], remote: { fetchFrom: [`${server.url}/`] } });
    await machines.killHost();
    await machines.startHost();
    await completed();
    assert.equal(server.connections, 1);
    assert.deepEqual(sentCode(machines), []);
    machines.configure('host', { allowCommands: ['*'] });
    await machines.killHost();
    rmSync(join(folder, 'host/host'), { recursive: true });
    await machines.startHost();
    await completed();
    assert.equal(server.connections, 1);
    assert.equal(sentCode(machines).length, 1);
  });

  it('is mended on a host after a check at home has failed', async (t) => {
    const machines = await withRepository(t);
    const line = `${machines.trace}; if [ -e b.txt ]; then cat b.txt; echo good > b.txt; else echo bad > b.txt; fi`;
    const id = await machines.begin([coder('far', line, { verify: proof })]);
    await machines.maos('home', 'wait', id);
    assert.equal(await machines.log(id, 'far'), 'bad\n');
    assert.equal(machines.launches(), 2);
    assert.equal((await machines.status(id)).state, 'completed');
    assert.equal(gitIn(machines.project, 'show', `maos/${id}/far:b.txt`), 'good');
    assert.match(gitIn(machines.project, 'for-each-ref', '--format=%(refname)'), /far\/1\n.*far\/2/);
  });

  it('goes on with the merge that an earlier attempt has resolved in part', async (t) => {
    const machines = await withRepository(t);
    const { project } = machines;
    const near = (name: string, file: string) => {
      const line = `for file in ${file}; do echo by ${name} > $file; done`;
      return { ...coder(name, line), pool: undefined };
    };
    const first = `grep -q '>>>>>>>' a.txt && echo both > c.txt`;
    const then = `cat a.txt c.txt d.txt | grep -v '^[<=>]'; echo both > a.txt`;
    const line = `${machines.trace}; if [ "$(cat c.txt)" = both ]; then ${then}; else ${first}; fi`;
    const after = { depends_on: ['one', 'two', 'three'], verify: { commands: ['true'], fix_rounds: 1 } };
    const merger = { ...coder('both', line, after), role: 'merger' };
    const id = await machines.begin([
      near('one', 'a.txt c.txt'),
      near('two', 'a.txt c.txt'),
      near('three', 'd.txt'),
      merger,
    ]);
    const isOver = async () => ['completed', 'failed'].includes((await machines.status(id)).state);
    await until(isOver, 'the end');
    const status = await machines.status(id);
    assert.equal(status.state, 'completed', JSON.stringify(status));
    assert.equal(await machines.log(id, 'both'), 'by one\nby two\nboth\nby three\n');
    assert.equal(machines.launches(), 2);
    const branch = `maos/${id}/both`;
    for (const [file, content] of [
      ['a.txt', 'both'],
      ['c.txt', 'both'],
      ['d.txt', 'by three'],
    ])
      assert.equal(gitIn(project, 'show', `${branch}:${file}`), content);
    // The merge as the first attempt left it, with what was still to be merged, and then the second attempt.
    const graph = gitIn(project, 'log', '--first-parent', '--format=%s', branch);
    assert.equal(graph, 'maos: both\nmaos: the work that both begins with\nmaos: both\nmaos: one\nFirst');
  });

  it('is taken once, whoever is killed while the agent works', async (t) => {
    const machines = await withRepository(t);
    const line = `${machines.trace}; echo good > b.txt; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo more > c.txt`;
    const owner = machines.spawn('home', 'run', machines.plan([coder('far', line, { verify: proof })]));
    const id = await until(() => /sess_[0-9A-Z]{26}/.exec(machines.latest())?.[0], 'the session');
    await machines.printed(id, 'far', 'up');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await machines.killHost();
    writeFileSync(join(machines.folder, 'go'), '');
    await machines.startHost();
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(gitIn(machines.project, 'show', `maos/${id}/far:c.txt`), 'more');
    assert.equal(machines.launches(), 1);
  });

  it('is refused where the host does not allow its set-up command', async (t) => {
    const machines = await Machines.start(t);
    makeRepository(join(machines.folder, 'project'));
    machines.configure('host', { allowCommands: ['sh -c *'] });
    await machines.startHost();
    const worktree = { setup: `${machines.trace}` };
    const id = await machines.begin([coder('far', machines.trace, { worktree })]);
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.match((await machines.maos('home', 'status', id)).stdout, /does not run the set-up command/);
    assert.equal(machines.launches(), 0);
  });

  it('is not waited for when the agent is cancelled while its worktree is set up', async (t) => {
    const machines = await withRepository(t);
    const begun = join(machines.folder, 'begun');
    const script = join(machines.folder, 'set-up.sh');
    writeFileSync(script, `echo $$ > ${begun}\nexec sleep 300\n`);
    const worktree = { setup: `sh ${script}` };
    const id = await machines.begin([coder('far', machines.trace, { worktree })]);
    await until(() => existsSync(begun) && readFileSync(begun, 'utf8') !== '', 'the set-up');
    const pid = Number(readFileSync(begun, 'utf8'));
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    await until(() => !isAlive(pid), 'the end of the set-up');
    assert.equal(machines.launches(), 0);
  });

  it('is kept when the agent is cancelled', async (t) => {
    const machines = await withRepository(t);
    const line = `echo half > b.txt; echo up; exec sleep 300`;
    const id = await machines.begin([coder('far', line)]);
    await machines.printed(id, 'far', 'up');
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    assert.equal(gitIn(machines.project, 'show', `maos/${id}/far:b.txt`), 'half');
  });
});

describe('work from another machine that must not be taken', { timeout: 300_000 }, () => {
  it('is left out after its attempt was given up, and the next attempt has its own', async (t) => {
    const machines = await withRepository(t);
    const { project } = machines;
    machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes: 0.05 } });
    const line = `${machines.trace}; echo late > b.txt; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    const id = await machines.begin([coder('far', line)]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal((await machines.status(id)).agents[0].failure.kind, 'lost');
    await machines.startHost();
    // It ends what nobody waits for, and sends its work.
    await until(() => machines.hostOutput.includes('ended: far (attempt 1)'), 'the late end');
    assert.equal(gitIn(project, 'for-each-ref', 'refs/maos'), '');
    assert.equal(gitIn(project, 'log', '--format=%s', `maos/${id}/far`), 'First');
    writeFileSync(join(machines.folder, 'go'), '');
    machines.spawn('home', 'retry', id);
    await until(async () => (await machines.status(id)).state === 'completed', 'the second attempt');
    assert.equal(machines.launches(), 2);
    assert.match(gitIn(project, 'for-each-ref', '--format=%(refname)', 'refs/maos'), /^\S+\/far\/2$/);
    assert.equal(gitIn(project, 'show', `maos/${id}/far:b.txt`), 'late');
  });

  const forgeries: [what: string, why: RegExp, forge: (work: Forged) => Buffer][] = [
    [
      'with a branch of the user',
      /refs\/heads\/main.*not announced/,
      ({ bundle, commit }) =>
        Buffer.from(bundle.toString('latin1').replace('\n\n', `\n${commit} refs/heads/main\n\n`), 'latin1'),
    ],
    ['that is damaged', /index-pack says/, ({ bundle }) => bundle.subarray(0, -30)],
    ['that is no bundle', /not a git bundle/, () => Buffer.from('PK\u0003\u0004')],
    ['with an entry of a folder above', /hasDotdot/, ({ evil }) => evil('..')],
    ['with hooks', /hasDotgit/, ({ evil }) => evil('.git')],
  ];
  for (const [what, why, forge] of forgeries) {
    it(`is refused ${what}, and the agent does not complete`, async (t) => {
      const machines = await Machines.start(t);
      const project = join(machines.folder, 'project');
      const start = makeRepository(project);
      const stop = await hostileHost(t, machines, start, forge);
      const far = { ...coder('far', ''), command: ['true'], verify: { commands: ['true'] } };
      const id = await machines.begin([far]);
      await until(async () => (await machines.status(id)).state === 'failed', 'the end');
      await stop();
      const { stdout } = await machines.maos('home', 'status', id);
      assert.match(stdout.replaceAll(/\s+/g, ' '), why);
      assert.equal(gitIn(project, 'for-each-ref', 'refs/maos'), '');
      assert.equal(gitIn(project, 'rev-parse', 'main', `maos/${id}/far`), `${start}\n${start}`);
      assert.equal(gitIn(project, 'status', '--porcelain'), '');
      assert.equal(gitIn(project, 'count-objects').split(' ')[0], '3');
    });
  }
});

/** What the home remembers of histories that it has sent. */
function sentCode({ folder }: Machines): string[] {
  const files = readdirSync(join(folder, 'home/projects'), { recursive: true, encoding: 'utf8' });
  return files.filter((path) => path.endsWith('/sent-code.json'));
}

interface Forged {
  readonly commit: string;
  readonly bundle: Buffer;
  /** A bundle of a commit whose tree has this entry. */
  evil(name: string): Buffer;
}

/** A host that answers with work which it has made up. */
async function hostileHost(
  t: TestContext,
  machines: Machines,
  start: string,
  forge: (work: Forged) => Buffer,
): Promise<() => Promise<void>> {
  const own = join(machines.folder, 'forger');
  makeRepository(own);
  gitIn(own, 'fetch', '-q', join(machines.folder, 'project'), 'main');
  gitIn(own, 'reset', '-q', '--hard', start);
  writeFileSync(join(own, 'b.txt'), 'forged\n');
  gitIn(own, 'add', '-A');
  gitIn(own, 'commit', '-qm', 'Forged');
  const git = (args: readonly string[], input: Buffer): Buffer =>
    execFileSync('git', args, { cwd: own, input });
  const take: HostedCode['take'] = async ({ agent }, put) => {
    const ref = `refs/maos/${agent.sessionId}/${agent.name}/${agent.attempt}`;
    const bundled = (id: string): Buffer => {
      const pack = git(['pack-objects', '--revs', '--stdout', '-q'], Buffer.from(`${id}\n^${start}\n`));
      return Buffer.concat([Buffer.from(`# v2 git bundle\n-${start}\n${id} ${ref}\n\n`), pack]);
    };
    let commit = gitIn(own, 'rev-parse', 'HEAD');
    const evil = (name: string): Buffer => {
      const blob = Buffer.from(gitIn(own, 'rev-parse', `${start}:a.txt`), 'hex');
      const entry = Buffer.concat([Buffer.from(`100644 ${name}\0`), blob]);
      const tree = git(['hash-object', '-t', 'tree', '-w', '--literally', '--stdin'], entry);
      commit = gitIn(own, 'commit-tree', tree.toString().trim(), '-p', start, '-m', 'Evil');
      return bundled(commit);
    };
    const bundle = forge({ commit, bundle: bundled(commit), evil });
    const path = join(machines.folder, 'forged');
    writeFileSync(path, bundle);
    return { commit, history: null, bundle: await put(path), unkept: [] };
  };
  const tls = { ca: null, cert: null, key: null };
  const fleet = await openNatsFleet({ url: machines.server.url, credentials: null, tls }, 'forger');
  const over = new AbortController();
  const host = new MemoryMachine().host('/memory/host');
  const service = new HostService({
    ...{ fleet, name: 'forger', pools: ['gpu'], slots: 1, version: '0', graceMs: 0, labels: {} },
    survey: async () => [
      { name: 'command', isInstalled: true, version: null, signedIn: 'yes', heldUntil: null },
    ],
    incarnation: 'i1',
    records: {
      ...{ save: async () => {}, all: async () => [], remove: async () => {} },
      ...{ keepGiven: async () => {}, given: async () => null },
    },
    backends: makeBackends([makeCommandBackend()]),
    rules: { commands: [compilePattern('*')], backends: null, homes: null },
    placeOf: () => ({
      host,
      files: { pack: async () => null, unpack: async () => {} },
      code: { open: async () => null, take, remove: async () => {} },
      calls: () => noCalls,
    }),
    teamServer: null,
    quotas: noQuotas,
    clock: systemClock,
    log: { log: () => {} },
    decodeOrder,
    freeMemoryMb: () => 8_000,
    isDraining: () => false,
  });
  const running = service.run(over.signal);
  const stop = async (): Promise<void> => {
    over.abort();
    await running;
    await fleet.close();
  };
  t.after(() => over.abort());
  return stop;
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}
