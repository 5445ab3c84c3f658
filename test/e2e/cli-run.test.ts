import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

describe('maos run', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('runs programs side by side and reports on them', async () => {
    const { status, stdout, stderr } = await maos.run('run', '-x', 'one=echo first', '-x', 'two=echo second');
    assert.equal(stderr, '');
    assert.equal(status, 0);
    assert.match(stdout, /one: started \(command, command\)/);
    assert.match(stdout, /two: completed in [\d.]+s: second/);
    assert.match(stdout, /✓ sess_\w{26} completed {2}2 of 2 agents completed/);
    assert.match(stdout, /Session folder {2}\/.*\/sessions\/sess_/);
    assert.doesNotMatch(stdout, new RegExp(String.fromCharCode(27)), 'no colours into a pipe');
  });

  it('tells what failed, with the end of stderr, and exits with 1', async () => {
    const { status, stdout } = await maos.run(
      'run',
      '-x',
      'good=echo fine',
      '-x',
      'bad=echo broken >&2; exit 3',
    );
    assert.equal(status, 1);
    assert.match(stdout, /bad: exit_code: The command exited with status 3\./);
    assert.match(stdout, /\| broken/);
    assert.match(stdout, /logs sess_\w+ bad +the output of bad/);
  });

  it('cannot be steered by what agents print', async () => {
    const { stdout } = await maos.run('run', '-x', "evil=printf '\\033[2J\\033]0;owned\\007shown\\n'");
    assert.match(stdout, /shown/);
    assert.doesNotMatch(stdout, new RegExp(String.fromCharCode(27)));
  });

  it('orders agents by the strategy', async () => {
    const { status, stdout } = await maos.run(
      'run',
      '-s',
      'sequential',
      '-x',
      'a=echo a > a.txt',
      '-x',
      'b=cat a.txt',
    );
    assert.equal(status, 0, stdout);
    assert.match(stdout, /b: completed in [\d.]+s: a/);
  });

  it('prints only JSON lines with --json: every event, then the summary', async () => {
    const { status, stdout, stderr } = await maos.run('run', '--json', '-x', 'a=echo hi', '-x', 'b=exit 1');
    assert.equal(status, 1);
    assert.equal(stderr, '');
    const lines = jsonLines(stdout);
    const summary = lines.pop() as {
      type: string;
      state: string;
      exit_status: number;
      agents: { name: string }[];
    };
    assert.deepEqual(
      lines.map(({ seq }) => seq),
      lines.map((_, index) => index + 1),
    );
    assert.equal(lines.at(-1)?.type, 'session.failed');
    assert.equal(summary.type, 'summary');
    assert.equal(summary.state, 'failed');
    assert.equal(summary.exit_status, 1);
    assert.deepEqual(
      summary.agents.map(({ name }) => name),
      ['a', 'b'],
    );
  });

  it('takes a plan from a file or from stdin', async () => {
    const plan = {
      objective: 'From a file.',
      agents: [
        { name: 'first', role: 'engineer', task: 'x', command: 'echo 1' },
        { name: 'second', role: 'engineer', task: 'x', command: ['echo', '2'], depends_on: ['first'] },
      ],
    };
    await writeFile(join(maos.project, 'plan.json'), JSON.stringify(plan));
    const file = await maos.run('run', 'plan.json');
    assert.equal(file.status, 0, file.stderr);
    const stdin = await maos.start(['run', '-', '--json'], { input: JSON.stringify(plan) }).finished;
    assert.equal(stdin.status, 0, stdin.stderr);
    assert.equal(jsonLines(stdin.stdout).at(-1)?.objective, 'From a file.');
  });

  it('plans worktrees and checks from its options, and says what the agents do not see', async () => {
    const fresh = await MaosFolder.make();
    const git = (...args: string[]) => execFileSync('git', ['-C', fresh.project, ...args]);
    const words = [
      'run',
      '--dry-run',
      '-x',
      'a=true',
      '--worktree',
      '--verify',
      'npm ci',
      '--verify',
      'npm test',
      '--land',
    ];
    try {
      const refused = await fresh.run(...words);
      assert.equal(refused.status, 2, refused.stderr);
      assert.match(refused.stderr, /git/);
      git('init', '-q', '-b', 'main');
      git('-c', 'user.name=a', '-c', 'user.email=a@b', 'commit', '-q', '--allow-empty', '-m', 'first');
      await writeFile(join(fresh.project, 'draft'), 'not committed');
      const { status, stdout, stderr } = await fresh.run(...words);
      assert.equal(status, 0, stderr);
      assert.match(stdout, /lands when completed[\s\S]*in a worktree, checked by npm ci; npm test/);
      assert.match(stderr, /^Note: \d files? ha(s|ve) uncommitted changes/);
      const plan = await fresh.json(...words);
      assert.match(String(plan.remarks), /uncommitted changes/);
      assert.deepEqual((plan.repository as { branch: string }).branch, 'main');
      assert.equal(plan.land, 'auto');
    } finally {
      await fresh.remove();
    }
  });

  it('shows a plan without storing anything for --dry-run', async () => {
    const fresh = await MaosFolder.make();
    try {
      const shown = await fresh.run(
        'run',
        '--dry-run',
        '-s',
        'sequential',
        '-x',
        'a=exit 1',
        '-x',
        'b=exit 1',
      );
      assert.equal(shown.status, 0, shown.stderr);
      assert.match(shown.stdout, /Phase 2\n {2}b \(command\) after a/);
      const plan = await fresh.json('run', '--dry-run', '-x', 'a=exit 1');
      assert.equal(plan.dry_run, true);
      assert.deepEqual(await fresh.json('list'), { sessions: [], not_read: [] });
    } finally {
      await fresh.remove();
    }
  });

  const refused: [what: string, args: string[], status: number, message: RegExp][] = [
    ['no agents', ['run', 'Do it'], 2, /has no agents: add --agent /],
    ['an unknown role', ['run', '-a', 'testr=x'], 2, /no role "testr"\. Did you mean "tester"\?/],
    ['a missing file', ['run', 'nowhere.json'], 2, /"nowhere\.json" does not exist/],
    ['a file and agents', ['run', 'nowhere.json', '-x', 'a=b'], 2, /remove --agent and --exec/],
    ['an unknown option', ['run', '--fast'], 2, /Unknown option '--fast'.*\nTry 'maos help run'/],
    ['a repeated name', ['run', '-x', 'a=b', '-x', 'a=c'], 2, /both named "a"/],
    ['an unknown backend', ['run', '--backend', 'nothing', '-a', 'qa=x'], 2, /nothing/],
    ['a folder that does not exist', ['run', '--project', 'none', '-x', 'a=b'], 2, /does not exist/],
    ['--detach with --on-exit stop', ['run', '-d', '--on-exit', 'stop', '-x', 'a=b'], 2, /remove --on-exit/],
  ];
  for (const [what, args, status, message] of refused) {
    it(`refuses ${what} with ${status}, on stderr`, async () => {
      const finished = await maos.run(...args);
      assert.match(finished.stderr, message);
      assert.match(finished.stderr, /^maos: /);
      assert.equal(finished.status, status);
      assert.equal(finished.stdout, '');
    });
  }

  it('names line and column of what is not JSON', async () => {
    await writeFile(join(maos.project, 'bad.json'), '{\n  "objective": nope\n}');
    const { status, stderr } = await maos.run('run', 'bad.json');
    assert.equal(status, 2);
    assert.match(stderr, /"bad\.json" is not valid JSON: line 2, column 16/);
  });

  it('gives errors as JSON on stderr with --json', async () => {
    const { status, stdout, stderr } = await maos.run('run', '--json', '-a', 'testr=x');
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.equal(jsonLines(stderr).length, 1);
    assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'INVALID_ROLE');
  });

  it('exits with 6 where the backend is not there', async () => {
    const env = { ...maos.env, PATH: '/nonexistent', MAOS_CLAUDE_PATH: join(maos.project, 'no-claude') };
    const { status, stderr } = await maos.start(['run', '-a', 'qa=x'], { env }).finished;
    assert.match(stderr, /Claude Code is not at .*Install it/);
    assert.equal(status, 6);
  });
});
