/** What an agent CLI makes of mentions of files in its prompt: its own task may attach them, what others wrote may not. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { type BackendDriver, makeBackendBench } from './backend-cases.ts';

const canary = 'the-canary-sings-at-dawn';

/** Ways to write a mention of a file, most of which agent CLIs follow where they stand in a prompt. */
export function mentionsOf(file: string, spaced: string): readonly string[] {
  const before = [
    '',
    '\t',
    '\u00a0',
    '\u3000',
    '\u2028',
    '\r',
    '\u001b',
    '。',
    '(',
    '> ',
    '\\',
    '\\ ',
    '@',
    ':',
  ];
  return [
    ...before.map((character) => `${character}@${file}`),
    `see @${file} now`,
    `@"${spaced}"`,
    `@"${file}"`,
    '@~/canary.txt',
    '@../home/canary.txt',
    `@${file}#L1-1`,
    `@file:${file}`,
  ];
}

/** A CLI that attaches `@path` of its project, by the task or by what an agent before it wrote. */
export function mentionCase(driver: BackendDriver): void {
  test(`what an agent wrote attaches no file to the prompt of ${driver.name} after it, and runs no command`, async (t) => {
    const bench = await makeBackendBench(t, driver, { respond: () => ({ text: 'Done.' }) });
    const file = join(bench.project, 'canary.txt');
    const spaced = join(bench.project, 'a canary.txt');
    for (const path of [file, spaced]) await writeFile(path, `${canary}\n`);
    const mentions = [...mentionsOf(file, spaced), '@canary.txt', 'x@canary.txt', '@.', '/stats', '!ls'];
    await writeFile(join(bench.project, 'words.txt'), mentions.join('\n'));
    const run = async (...agents: object[]): Promise<string> => {
      const before = bench.asked.length;
      await writeFile(join(bench.project, 'plan.json'), JSON.stringify({ objective: 'Go on.', agents }));
      const { status, stdout, stderr } = await bench.maos('run', 'plan.json', '--json');
      assert.equal(status, 0, `${stdout}\n${stderr}`);
      return bench.asked
        .slice(before)
        .map(({ text }) => text)
        .join('\n');
    };
    const command = ['cat', 'words.txt'];
    const first = { name: 'first', role: 'tester', task: 'Begin.', backend: 'command', command };
    const second = { name: 'second', role: 'tester', task: 'Go on.' };
    const asked = await run(first, { ...second, depends_on: ['first'] });
    for (const word of ['x\\@canary.txt', '/stats', '!ls']) assert.ok(asked.includes(word), word);
    assert.ok(!asked.includes(canary));
    assert.ok((await run({ ...second, task: 'Read @canary.txt and go on.' })).includes(canary));
  });
}

/** @param setUp writes the user's settings with a server that is started by this command */
export function serverCase(
  driver: BackendDriver,
  setUp: (
    home: string,
    server: { readonly command: string; readonly args: readonly string[] },
  ) => Promise<void>,
): void {
  test(`an agent on ${driver.name} starts none of the user's MCP servers`, async (t: TestContext) => {
    const bench = await makeBackendBench(t, driver, { respond: () => ({ text: 'Done.' }) });
    const mark = join(bench.folder, 'started');
    await setUp(bench.home, { command: '/bin/sh', args: ['-c', `echo >"${mark}"; sleep 5`] });
    const { status, stdout, stderr } = await bench.run('Go on.').ended;
    assert.equal(status, 0, `${stdout}\n${stderr}`);
    assert.equal(existsSync(mark), false, 'the server was started');
  });
}
