import assert from 'node:assert/strict';
import { cpSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { showingLines } from '../helpers/documented-lines.ts';
import { pages } from '../helpers/documents.ts';
import { makeRepository } from '../helpers/git-project.ts';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

/** What stands for a value in the documents. */
const values: Readonly<Record<string, string>> = {
  AGENT: 'builder',
  FILE: 'plan.yaml',
  KEY: 'limits.stallMinutes',
  SESSION: 'latest',
  '[SESSION]': 'latest',
  VALUE: '45',
};

const secret = Buffer.alloc(32, 7).toString('base64');

/** The lines that can run here, each once. */
function runnableLines(): readonly (readonly string[])[] {
  const lines = showingLines
    .map((words) => words.map((word) => values[word] ?? word.replace(/\$\(openssl .*\)/, secret)))
    // A part of a command line that starts nothing.
    .filter(
      ([name = '', ...rest]) =>
        !['run', 'plan'].includes(name) || rest.some((word) => /=|\.(json|ya?ml)$/.test(word)),
    )
    .map((words) => (words[0] === 'run' && !words.includes('--dry-run') ? [...words, '--dry-run'] : words));
  return [...new Map(lines.map((words) => [JSON.stringify(words), words])).values()];
}

/** The first block of a page in a language. */
function block(page: string, language: string): string {
  const [, body] = new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, 'ms').exec(pages().get(page) ?? '') ?? [];
  assert.ok(body, `${page} has no block of ${language}`);
  return body;
}

describe('the command lines of the documents', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    const { project } = maos;
    const plan = block('README.md', 'yaml');
    const team = block('docs/control.md', 'json');
    for (const name of ['plan.yaml', 'team.yaml']) writeFileSync(join(project, name), plan);
    for (const name of ['plan.json', 'team.json']) writeFileSync(join(project, name), team);
    cpSync(
      join(import.meta.dirname, '../../examples/upgrade-dependency.yaml'),
      join(project, 'upgrade.yaml'),
    );
    mkdirSync(join(project, '.claude/agents'), { recursive: true });
    writeFileSync(
      join(project, '.claude/agents/code-reviewer.md'),
      '---\nname: code-reviewer\ndescription: Reviews code.\n---\nReview it.\n',
    );
    makeRepository(project);
    const { status, stderr } = await maos.run(
      'run',
      '--worktree',
      '--verify',
      'true',
      '-x',
      'builder=echo built',
      '-x',
      'tester=echo tested',
    );
    assert.equal(status, 0, stderr);
  });
  after(() => maos.remove());

  it('run, but for those that start, steer or remove something', async () => {
    const lines = runnableLines();
    assert.ok(lines.length > 40, String(lines.length));
    const failed: string[] = [];
    for (const words of lines) {
      // As a shell does with `~`.
      const args = words.map((word) => word.replace(/^~(?=\/)/, maos.home));
      const { status, stderr } = await maosInProcess(args, { env: maos.env, cwd: maos.project });
      // Not there, not in this state and no such CLI are answers; a wrong line and a bug are not.
      if ([0, 1, 3, 4, 6].includes(status ?? 70)) continue;
      failed.push(`${words.join(' ')}: ${status} ${stderr}`);
    }
    assert.deepEqual(failed, []);
  });
});
