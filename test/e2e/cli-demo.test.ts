import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { cliSchemas } from '../helpers/command-documents.ts';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Summary {
  readonly type: string;
  readonly state: string;
  readonly session_id: string;
  readonly project_folder: string;
  readonly folder: string;
  readonly repository_folder: string;
  readonly landing?: { readonly target: string };
  readonly agents: readonly {
    readonly name: string;
    readonly state: string;
    readonly attempt: number;
    readonly proof?: { readonly state: string; readonly checks: number };
    readonly started_at: string;
    readonly ended_at: string;
  }[];
  readonly artifacts: readonly { readonly path: string }[];
}

describe('maos demo', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('is done by real processes, whose work stands up to checks and lands', async () => {
    const { status, stdout, stderr } = await maos.run('demo', '--json');
    assert.equal(stderr, '');
    assert.equal(status, 0, stdout);
    for (const document of jsonLines(stdout)) assert.equal(cliSchemas.fault('demo', document), null);
    const summaries = jsonLines(stdout).filter(({ type }) => type === 'summary') as unknown as Summary[];
    const [summary, worktrees, landing] = summaries;
    assert.ok(summary && worktrees && landing, stdout);
    assert.deepEqual(
      summary.agents.map(({ name, state }) => `${name} ${state}`),
      ['spec completed', 'builder completed', 'tester completed', 'checker completed'],
    );
    const [spec, builder, tester, checker] = summary.agents;
    assert.ok(spec && builder && tester && checker);
    assert.ok(builder.started_at < tester.ended_at && tester.started_at < builder.ended_at, 'side by side');
    assert.ok(spec.ended_at <= builder.started_at && builder.ended_at <= checker.started_at, 'in order');
    assert.deepEqual(
      summary.artifacts.map(({ path }) => path),
      ['results/checker/report.txt', 'shared/context/spec.md'],
    );
    assert.match(await readFile(join(summary.folder, 'results/checker/report.txt'), 'utf8'), /pass 3/);
    const env = { ...maos.env };
    const check = spawnSync(process.execPath, ['--test', 'slugify.test.mjs'], {
      cwd: summary.project_folder,
      env,
    });
    assert.equal(check.status, 0, String(check.stdout));

    assert.equal(worktrees.state, 'completed');
    assert.deepEqual(
      worktrees.agents.map(({ name, attempt, proof }) => [name, attempt, proof?.state, proof?.checks]),
      [
        ['counter', 2, 'passed', 2],
        ['upper', 1, 'passed', 1],
        ['readme', 1, 'passed', 1],
      ],
    );
    assert.deepEqual([landing.state, landing.landing?.target], ['completed', 'main']);
    const folder = worktrees.repository_folder;
    const tree = spawnSync('git', ['-C', folder, 'ls-tree', '--name-only', 'main'], { encoding: 'utf8' });
    assert.equal(tree.stdout, 'README.md\ncount.sh\nteam\nupper.sh\nwords.txt\n');
    // The branch was checked out without changes, so that its files moved with it.
    assert.equal(await readFile(join(folder, 'count.sh'), 'utf8'), 'wc -w <words.txt\n');
  });

  it('leaves out worktrees where git is too old, and ends well', async () => {
    const folder = join(maos.project, 'old');
    await mkdir(folder);
    await writeFile(join(folder, 'git'), '#!/bin/sh\necho git version 2.20.1\n', { mode: 0o755 });
    const env = { ...maos.env, PATH: `${folder}:${maos.env.PATH}` };
    const { status, stdout, stderr } = await maos.start(['demo', '--json'], { env }).finished;
    assert.equal(status, 0, stdout);
    assert.match(stderr, /^Worktrees, checks and landing are left out: .*2\.25.*\n$/);
    assert.equal(jsonLines(stdout).filter(({ type }) => type === 'summary').length, 1);
  });

  it('ends by saying where everything is and with commands that work', async () => {
    const demosBefore = readdirSync(maos.project).filter((name) => /demo/.test(name)).length;
    const { status, stdout } = await maos.run('demo');
    assert.equal(status, 0);
    const paths = [...stdout.matchAll(/^(?:Session folder|Project folder|The spec) +(\/.+)$/gm)].map(
      ([, path]) => path as string,
    );
    assert.equal(paths.length, 5);
    for (const path of paths) assert.ok(existsSync(path), path);
    const [, folder = ''] = /\nRemove them with: rm -rf (.+)\n$/.exec(stdout) ?? [];
    assert.match(folder, /\/maos-demo-\w{6}$/);
    const next = stdout
      .slice(stdout.indexOf('\nNext\n') + 6)
      .split('\n\n', 1)
      .flatMap((block) => block.trimEnd().split('\n'));
    const commands = next.map((line) => line.trim().split(/ {2,}/)[0] as string);
    assert.ok(commands.some((command) => command.endsWith(' init')));
    const ours = commands.filter((command) => !command.endsWith(' init'));
    assert.ok(ours.length >= 5, stdout);
    for (const command of ours) {
      // The printed command calls 'node' from PATH; the test must call the node under test.
      const line = command.replace(/^node /, `'${process.execPath}' `);
      const tried = spawnSync('sh', ['-c', line], {
        cwd: maos.project,
        env: maos.env,
        encoding: 'utf8',
      } as const);
      assert.equal(tried.status, 0, `${line}\n${tried.stdout}${tried.stderr}`);
    }
    const others = readdirSync(maos.project).filter((name) => /demo/.test(name));
    spawnSync('sh', ['-c', `rm -rf ${folder}`]);
    const left = readdirSync(maos.project).filter((name) => /demo/.test(name));
    assert.deepEqual(
      left,
      others.filter((name) => name !== basename(folder)),
      'one folder holds it all',
    );
    assert.equal(others.length, demosBefore + 1);
  });
});
