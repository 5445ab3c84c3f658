import assert from 'node:assert/strict';
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { it, type TestContext } from 'node:test';

const program = join(import.meta.dirname, '../../bin/maos.js');

function makeRepository(t: TestContext) {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'maos-landing-')));
  t.after(() => rmSync(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 }));
  const [home, project] = [join(folder, 'home'), join(folder, 'project')];
  mkdirSync(home, { mode: 0o700 });
  mkdirSync(project);
  const env = { PATH: process.env.PATH ?? '', HOME: home, MAOS_HOME: home, GIT_CONFIG_NOSYSTEM: '1' };
  const git = (...args: string[]): string =>
    execFileSync('git', args, { cwd: project, env, encoding: 'utf8' }).trim();
  writeFileSync(join(home, '.gitconfig'), '[user]\n\tname = Ann\n\temail = ann@example.org\n');
  git('init', '-q', '-b', 'main');
  writeFileSync(join(project, 'greeting.txt'), 'none\n');
  git('add', '-A');
  git('commit', '-q', '-m', 'First');
  const maos = (...args: string[]) =>
    spawnSync(process.execPath, [program, ...args], { cwd: project, env, encoding: 'utf8' });
  /** Runs a command until it prints the event, and kills it then. @returns whether the event came */
  const killAt = async (event: string, ...args: string[]): Promise<boolean> => {
    const stdio = ['ignore', 'pipe', 'ignore'] as const;
    const child = spawn(process.execPath, [program, ...args, '--json'], {
      cwd: project,
      env,
      stdio: [...stdio],
    });
    const gone = new Promise((resolve) => child.once('exit', resolve));
    let came = false;
    for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
      if (JSON.parse(line).type !== event) continue;
      came = true;
      child.kill('SIGKILL');
    }
    await gone;
    return came;
  };
  /** Starts a command that runs beside the test. */
  const start = (...args: string[]): Promise<{ status: number | null; out: string; said: string }> => {
    const child = spawn(process.execPath, [program, ...args], { cwd: project, env });
    let [out, said] = ['', ''];
    child.stdout.on('data', (piece) => {
      out += piece;
    });
    child.stderr.on('data', (piece) => {
      said += piece;
    });
    return new Promise((resolve) => child.once('close', (status) => resolve({ status, out, said })));
  };
  const plan = (value: object): void => writeFileSync(join(folder, 'plan.json'), JSON.stringify(value));
  return { folder, home, project, git, maos, killAt, start, plan, planFile: join(folder, 'plan.json') };
}

const verify = '! grep "<<<<<<<" greeting.txt';
const greet = (name: string, command: string) => ({
  ...{ name, role: 'engineer', task: `Greet in ${name}.`, workspace: 'worktree', verify, command },
});
const agents = [
  greet('english', 'echo hello > greeting.txt'),
  greet(
    'french',
    'if grep -q "<<<<<<<" greeting.txt; then printf "hello\\nbonjour\\n" > greeting.txt; else echo bonjour > greeting.txt; fi',
  ),
];

it('lands a team, with a conflict that goes back to its owner, and nothing twice', (t) => {
  const { project, git, maos, plan, planFile } = makeRepository(t);
  plan({ objective: 'Greet.', agents });
  const run = maos('run', planFile, '--json');
  assert.equal(run.status, 0, run.stdout + run.stderr);
  const preview = maos('land', 'latest', '--dry-run', '--json');
  assert.equal(preview.status, 1, preview.stderr);
  assert.deepEqual(
    JSON.parse(preview.stdout).branches.map(({ agent, state }: Record<string, unknown>) => [agent, state]),
    [
      ['english', 'clean'],
      ['french', 'conflict'],
    ],
  );
  assert.equal(git('rev-list', '--count', 'main'), '1');
  const land = maos('land', 'latest');
  assert.equal(land.status, 0, land.stdout + land.stderr);
  assert.match(land.stdout, /french: conflicts with main in greeting\.txt \(landed there: english\)/);
  assert.match(land.stdout, /english +landed[\s\S]*french +landed/);
  assert.equal(readFileSync(join(project, 'greeting.txt'), 'utf8'), 'hello\nbonjour\n');
  assert.equal(git('status', '--porcelain'), '');
  const head = git('rev-parse', 'main');
  const again = maos('land', 'latest');
  assert.deepEqual([again.status, git('rev-parse', 'main')], [0, head]);
  assert.match(again.stdout, /nothing to land[\s\S]*landed already/);
});

it('lands by itself when the plan says so, and says when nothing can be landed', (t) => {
  const { project, git, maos, plan, planFile } = makeRepository(t);
  const none = maos('land', 'latest');
  assert.equal(none.status, 3);
  assert.match(none.stderr, /no session with agents in worktrees/);
  plan({ objective: 'Greet.', agents: agents.slice(0, 1), land: 'auto' });
  const run = maos('run', planFile);
  assert.equal(run.status, 0, run.stdout + run.stderr);
  assert.match(run.stdout, /english +landed/);
  assert.equal(readFileSync(join(project, 'greeting.txt'), 'utf8'), 'hello\n');
  assert.equal(git('status', '--porcelain'), '');
});

it('says that nothing landed by itself when an agent fails, lands the rest by request, and what a retry completes by itself', (t) => {
  const { project, git, maos, plan, planFile } = makeRepository(t);
  const french = greet('french', `[ -e '${project}/../may' ] && echo bonjour > french.txt`);
  plan({ objective: 'Greet.', agents: [agents[0], french], land: 'auto' });
  const run = maos('run', planFile);
  assert.equal(run.status, 1, run.stdout + run.stderr);
  const why = /its work did not land by itself, because the session failed; it stays on the branches/;
  for (const { stdout } of [run, maos('status', 'latest')]) {
    assert.match(stdout, why);
    assert.match(stdout, /\n {2}\S.* land sess_\w+ +check and land/);
  }
  assert.equal(git('rev-list', '--count', 'main'), '1');
  const id = JSON.parse(maos('status', 'latest', '--json').stdout).session_id as string;

  const land = maos('land', 'latest');
  assert.equal(land.status, 0, land.stdout + land.stderr);
  assert.match(land.stdout, / french: skipped: the agent did not complete: failed\n/);
  const after = maos('status', id);
  const { session_id: landing } = JSON.parse(maos('status', 'latest', '--json').stdout);
  assert.match(after.stdout, new RegExp(`\n {2}landed by ${landing}: completed\n`));
  assert.doesNotMatch(after.stdout, /did not land by itself|check and land/);
  const { landed_by } = JSON.parse(maos('status', id, '--json').stdout);
  assert.deepEqual(landed_by, { session_id: landing, state: 'completed' });

  writeFileSync(join(project, '../may'), '');
  assert.equal(maos('retry', id).status, 0);
  assert.equal(maos('wait', id).status, 0);
  const again = JSON.parse(maos('status', id, '--json').stdout).landed_by.session_id;
  assert.notEqual(again, landing);
  assert.equal(maos('wait', again).status, 0);
  assert.equal(git('show', 'main:french.txt', 'main:greeting.txt'), 'bonjour\nhello');
});

it('waits while the target is checked out with changes, and what was taken from there does not land again', (t) => {
  const { project, git, maos, plan, planFile } = makeRepository(t);
  plan({ objective: 'Greet.', agents: agents.slice(0, 1) });
  assert.equal(maos('run', planFile).status, 0);
  writeFileSync(join(project, 'greeting.txt'), 'mine\n');
  const head = git('rev-parse', 'main');
  const land = maos('land', 'latest', '--squash');
  assert.equal(land.status, 4, land.stdout + land.stderr);
  const [take = '', branch = ''] = /git merge --ff-only (maos\S+landed)/.exec(land.stdout) ?? [];
  assert.deepEqual(
    [git('rev-parse', 'main'), readFileSync(join(project, 'greeting.txt'), 'utf8')],
    [head, 'mine\n'],
  );
  git('checkout', '-q', 'greeting.txt');
  git(...take.split(' ').slice(1));
  assert.equal(git('rev-parse', 'main'), git('rev-parse', branch));
  assert.equal(git('log', '-1', '--format=%an', 'main'), 'english (MAOS)');
  assert.match(maos('land', 'latest').stdout, /nothing to land[\s\S]*landed already/);
});

/** Asks, as people do, until the newest session is a landing that has ended. */
function landingAfterKill(maos: ReturnType<typeof makeRepository>['maos']): Record<string, unknown> {
  for (const end = Date.now() + 60_000; Date.now() < end; ) {
    const found = maos('wait', 'latest', '--timeout', '20', '--json');
    const status = JSON.parse(maos('status', 'latest', '--json').stdout);
    if (status.landing !== undefined && status.state === 'completed') return status;
    assert.ok([0, 1, 5].includes(found.status ?? -1), found.stderr);
  }
  return assert.fail('the landing does not end');
}

for (const event of [
  'session.started',
  'agent.started',
  'landing.joined',
  'landing.conflict',
  'agent.spawned',
  'verify.started',
  'verify.passed',
  'landing.moved',
]) {
  it(`goes on after kill -9 at ${event}, and lands nothing twice and nothing unchecked`, async (t) => {
    const { project, git, maos, killAt, plan, planFile } = makeRepository(t);
    plan({ objective: 'Greet.', agents, on_exit: 'keep' });
    assert.equal(maos('run', planFile).status, 0);
    assert.ok(await killAt(event, 'land', 'latest'), `${event} never came`);
    const landing = landingAfterKill(maos);
    assert.equal(readFileSync(join(project, 'greeting.txt'), 'utf8'), 'hello\nbonjour\n');
    assert.equal(git('status', '--porcelain'), '');
    const events = maos('events', String(landing.session_id), '--json').stdout.trimEnd().split('\n');
    const recorded = events.map((line) => JSON.parse(line));
    const moved = recorded.filter(({ type }) => type === 'landing.moved');
    assert.deepEqual(
      moved.map(({ data }) => data.name),
      ['english', 'french'],
    );
    const checked = recorded
      .filter(({ type }) => type === 'verify.passed')
      .map(({ data }) => data.report.commit);
    const [first] = git('rev-list', '--max-parents=0', 'main').split('\n');
    for (const commit of git('log', '-g', '--format=%H', 'main').split('\n')) {
      assert.ok(commit === first || checked.includes(commit), `${commit} was not checked`);
    }
  });
}

it('gives a conflict to a merger of another backend, and lands what that one made', (t) => {
  const { folder, home, project, git, maos, plan, planFile } = makeRepository(t);
  const script = join(folder, 'mend.sh');
  writeFileSync(
    script,
    'grep -q "<<<<<<<" greeting.txt && grep -q greeting.txt "$1" || exit 9\nprintf "hello\\nbonjour\\n" >greeting.txt\necho Merged both.\n',
  );
  const custom = { mender: { command: ['/bin/sh', script, '{promptFile}'] } };
  writeFileSync(join(home, 'config.json'), JSON.stringify({ backends: { custom } }), { mode: 0o600 });
  const owners = [agents[0], greet('french', 'echo bonjour > greeting.txt')];
  plan({ objective: 'Greet.', agents: owners });
  assert.equal(maos('run', planFile).status, 0);
  const refused = maos('land', 'latest', '--merger', 'command');
  assert.equal(refused.status, 2);
  assert.match(refused.stderr, /name a backend of an agent CLI with --merger/);
  const land = maos('land', 'latest', '--merger', 'custom:mender', '--json');
  assert.equal(land.status, 0, land.stdout + land.stderr);
  const status = JSON.parse(maos('status', 'latest', '--json').stdout);
  const merger = status.agents.find(({ name }: { name: string }) => name === 'french');
  assert.deepEqual(
    [merger.role, merger.backend, merger.attempt, merger.state],
    ['merger', 'custom:mender', 1, 'completed'],
  );
  const events = land.stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  const of = (type: string) =>
    events.filter((event) => event.type === type && event.data.name === 'french').map(({ data }) => data);
  const head = git('rev-parse', 'main');
  assert.deepEqual(
    of('landing.conflict').map(({ paths }) => paths),
    [['greeting.txt']],
  );
  assert.deepEqual(
    of('verify.passed').map(({ report }) => report.commit),
    [head],
  );
  assert.deepEqual(
    of('landing.moved').map(({ to }) => to),
    [head],
  );
  assert.equal(readFileSync(join(project, 'greeting.txt'), 'utf8'), 'hello\nbonjour\n');
  assert.equal(git('status', '--porcelain'), '');
});

it('lands once when two ask for it at the same time, and tells the other', async (t) => {
  const { folder, git, maos, start, plan, planFile } = makeRepository(t);
  const [gate, checks] = [join(folder, 'gate'), join(folder, 'checks')];
  writeFileSync(gate, '');
  const slow = { ...agents[0], verify: `echo >>${checks}; until [ -e ${gate} ]; do sleep 0.05; done` };
  plan({ objective: 'Greet.', agents: [slow] });
  assert.equal(maos('run', planFile).status, 0);
  rmSync(gate);
  rmSync(checks);
  // Neither can end by landing while its check waits.
  const both = [start('land', 'latest'), start('land', 'latest')];
  const other = await Promise.race(both);
  writeFileSync(gate, '');
  const ends = await Promise.all(both);
  assert.equal(other.status, 4, other.out + other.said);
  const [, landing] =
    /Session (sess_\w+) lands the work of sess_\w+ already\. Follow it with 'maos wait sess_\w+'/.exec(
      other.said,
    ) ?? assert.fail(other.said);
  const [winner] = ends.filter((end) => end !== other);
  assert.equal(winner?.status, 0, `${winner?.out}${winner?.said}`);
  assert.ok(winner?.out.includes(landing ?? ''), 'the other one is told who lands');
  assert.match(winner?.out ?? '', /english +landed/);
  assert.equal(readFileSync(checks, 'utf8'), '\n', 'checked once');
  assert.equal(git('log', '-g', '--format=%H', 'main').split('\n').length, 2, 'moved once');
  assert.equal(JSON.parse(maos('list', '--json').stdout).sessions.length, 2);
});

it('shows why work does not land by itself', (t) => {
  const { git, maos, plan, planFile } = makeRepository(t);
  const first = greet('english', 'echo hello > greeting.txt; git branch -m main trunk');
  plan({ objective: 'Greet.', agents: [first], land: 'auto' });
  const run = maos('run', planFile);
  assert.equal(run.status, 4, run.stdout + run.stderr);
  const why = /landing, since .*main.* Try again with: maos land sess_\w+/;
  for (const text of [run.stdout, maos('status', 'latest').stdout]) {
    assert.match(text, why);
  }
  assert.match(maos('events', 'latest').stdout, /its work does not land: .*main/);
  const status = JSON.parse(maos('status', 'latest', '--json').stdout);
  assert.equal(status.troubles[0].what, 'landing');
  assert.match(readFileSync(join(status.folder, 'session.log'), 'utf8'), /session\.landing_failed/);
  assert.equal(maos('land', 'latest', '--into', 'trunk').status, 0);
  assert.equal(git('show', 'trunk:greeting.txt'), 'hello');
});

it('is waited for with the session whose work it lands by itself, and its end counts', async (t) => {
  const { folder, project, git, maos, plan, planFile } = makeRepository(t);
  const [gate, checked] = [join(folder, 'gate'), join(folder, 'checked')];
  // The check passes for the agent, and waits when its work lands.
  const command = `if [ ! -e '${checked}' ]; then : > '${checked}'; else until [ -e '${gate}' ]; do sleep 0.05; done; grep -q yes '${gate}'; fi`;
  const agent = { ...agents[0], verify: { command, fix_rounds: 0 } };
  plan({ objective: 'Greet.', agents: [agent], land: 'auto', on_exit: 'keep' });
  const detached = (): string => {
    const { status, stdout, stderr } = maos('run', planFile, '--detach');
    assert.equal(status, 0, stderr);
    return stdout.trim();
  };

  const failing = detached();
  const early = maos('wait', failing, '--timeout', '3');
  assert.equal(early.status, 5, early.stdout + early.stderr);
  writeFileSync(gate, 'no');
  const waited = maos('wait', failing);
  assert.equal(waited.status, 1, waited.stdout + waited.stderr);
  const [, landing] = /^(sess_\w+) failed$/m.exec(waited.stdout) ?? assert.fail(waited.stdout);
  assert.match(waited.stdout, new RegExp(`^${failing} completed\n`));
  assert.match(waited.stderr, new RegExp(`See why with: .* status ${landing}`));
  const document = maos('wait', failing, '--json');
  assert.equal(document.status, 1);
  assert.deepEqual(JSON.parse(document.stdout).landed_by, { session_id: landing, state: 'failed' });
  const attached = maos('attach', failing);
  assert.equal(attached.status, 1, attached.stdout);
  assert.match(attached.stdout, /check failed/);
  assert.match(maos('status', failing).stdout, new RegExp(`landed by ${landing}: failed`));

  rmSync(checked);
  writeFileSync(gate, 'yes');
  writeFileSync(join(project, 'greeting.txt'), 'mine\n');
  const waiting = maos('wait', detached());
  assert.equal(waiting.status, 4, waiting.stdout + waiting.stderr);
  assert.match(waiting.stderr, /Take it with: git merge --ff-only maos\/sess_\w+\/landed/);

  rmSync(checked);
  git('checkout', '-q', 'greeting.txt');
  const good = maos('wait', detached());
  assert.equal(good.status, 0, good.stdout + good.stderr);
  assert.match(good.stdout, /^(sess_\w+) completed\n(sess_\w+) completed\n$/);
  assert.equal(git('show', 'main:greeting.txt'), 'hello');
});

it('is not waited for when it cannot begin', (t) => {
  const { maos, plan, planFile } = makeRepository(t);
  const first = greet('english', 'echo hello > greeting.txt; git branch -m main trunk');
  plan({ objective: 'Greet.', agents: [first], land: 'auto', on_exit: 'keep' });
  const id = maos('run', planFile, '--detach').stdout.trim();
  const waited = maos('wait', id);
  assert.equal(waited.status, 4, waited.stdout + waited.stderr);
  assert.match(waited.stderr, new RegExp(`does not land: .*main.* Try again with: maos land ${id}`));
  assert.equal(maos('attach', id).status, 4);
});

it('lands by itself once, also when MAOS is killed as the session completes', async (t) => {
  const { project, maos, killAt, plan, planFile } = makeRepository(t);
  plan({ objective: 'Greet.', agents: agents.slice(0, 1), land: 'auto', on_exit: 'keep' });
  assert.ok(await killAt('session.completed', 'run', planFile));
  landingAfterKill(maos);
  assert.equal(readFileSync(join(project, 'greeting.txt'), 'utf8'), 'hello\n');
  const { sessions } = JSON.parse(maos('list', '--json').stdout);
  assert.equal(sessions.length, 2);
});
