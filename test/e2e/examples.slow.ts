import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { chmod, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { maosCalls } from '../helpers/documents.ts';
import { gitIn, makeRepository } from '../helpers/git-project.ts';
import { jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

const folder = join(import.meta.dirname, '../../examples');
const claude = join(import.meta.dirname, '../fixtures/programs/willing-claude.mjs');
const examples = readdirSync(folder);

/** What an example asks for. */
const settings: Readonly<Record<string, readonly string[]>> = {
  'upgrade-dependency.yaml': ['--set', 'package=left-pad'],
};

/** A small project, and a program in place of Claude Code. */
async function projectWithClaude(t: TestContext): Promise<{ maos: MaosFolder; env: NodeJS.ProcessEnv }> {
  const maos = await MaosFolder.make();
  t.after(() => maos.remove());
  const path = join(maos.project, 'claude');
  await writeFile(path, `#!/bin/sh\nexec '${process.execPath}' '${claude}' "$@"\n`);
  await chmod(path, 0o755);
  const scripts = { test: 'node --test', build: 'node --check src/index.js' };
  makeRepository(maos.project, {
    '.gitignore': '/*\n!/package.json\n!/src/\n!/test/\n!/*.txt\n',
    'package.json': JSON.stringify({ name: 'sample', version: '1.0.0', type: 'module', scripts }),
    'src/index.js': 'export const answer = 42;\n',
    'test/index.test.js':
      "import { answer } from '../src/index.js';\nif (answer !== 42) throw new Error('It is not 42.');\n",
  });
  return { maos, env: { ...maos.env, MAOS_CLAUDE_PATH: path } };
}

/** The words after `maos` in the comment that says how to run it. */
function documentedRun(name: string): readonly string[] {
  const comment = readFileSync(join(folder, name), 'utf8').matchAll(/^(?:#|\/\/) +(maos run .*)$/gm);
  return [...comment].flatMap(([, line = '']) => maosCalls(line))[0] ?? assert.fail(name);
}

describe('the examples', { concurrency: 2 }, () => {
  it('are eight or more, with a schema and a comment that says what each does', () => {
    assert.ok(examples.length >= 8, examples.join(', '));
    for (const name of examples) {
      const text = readFileSync(join(folder, name), 'utf8');
      assert.match(text, /^(# |\/\/ )[A-Z]/, name);
      assert.match(text, /\$schema"?: "?\.\.\/docs\/plan\.schema\.json/, name);
      assert.match(documentedRun(name)[1] ?? '', /^examples\//, name);
    }
  });

  for (const name of examples) {
    const file = join(folder, name);
    it(`${name} runs as it is`, async (t) => {
      const { maos, env } = await projectWithClaude(t);
      const documented = documentedRun(name).map((word) => (word === `examples/${name}` ? file : word));
      const dry = await maos.start([...documented, '--dry-run'], { env }).finished;
      assert.equal(dry.status, 0, dry.stderr);
      const set = settings[name] ?? [];
      const checked = await maos.start(['plan', 'check', file, ...set], { env }).finished;
      assert.deepEqual([checked.status, checked.stderr], [0, '']);
      const { status, stdout, stderr } = await maos.start(['run', file, ...set, '--json'], { env }).finished;
      const summary = jsonLines(stdout).at(-1) as { agents?: { name: string; state: string }[] };
      assert.equal(status, 0, `${stderr}\n${JSON.stringify(summary, null, 1)}`);
      assert.equal(gitIn(maos.project, 'status', '--porcelain'), '');
    });
  }
});
