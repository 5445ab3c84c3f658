import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

interface Summary {
  readonly type: string;
  readonly state: string;
  readonly session_id: string;
  readonly project_folder: string;
  readonly folder: string;
  readonly agents: readonly {
    readonly name: string;
    readonly state: string;
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

  it('is done by four real processes, whose work stands up to a check of its own', async () => {
    const { status, stdout, stderr } = await maos.run('demo', '--json');
    assert.equal(stderr, '');
    assert.equal(status, 0, stdout);
    const summary = jsonLines(stdout).at(-1) as unknown as Summary;
    assert.equal(summary.type, 'summary');
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
  });

  it('ends by saying where everything is and with commands that work', async () => {
    const { status, stdout } = await maos.run('demo');
    assert.equal(status, 0);
    const paths = [...stdout.matchAll(/^(?:Session folder|Project folder|The spec) +(\/.+)$/gm)].map(
      ([, path]) => path as string,
    );
    assert.equal(paths.length, 3);
    for (const path of paths) assert.ok(existsSync(path), path);
    const next = stdout
      .slice(stdout.indexOf('\nNext\n') + 6)
      .trimEnd()
      .split('\n');
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
  });
});
