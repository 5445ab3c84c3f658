import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
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
  const plan = (value: object): void => writeFileSync(join(folder, 'plan.json'), JSON.stringify(value));
  return { project, git, maos, plan, planFile: join(folder, 'plan.json') };
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
