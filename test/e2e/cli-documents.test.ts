import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';
import { cliDocuments, renderSchema, schemaFile } from '../tooling/cli-documents.ts';

/** Keys that are not MAOS's own: settings, and names of capabilities, roles and the like. */
const foreign = new Set(['value', 'aliases', 'env']);

/** Paths of keys that are not in snake_case, and not the older spelling beside one that is. */
function oddKeys(value: unknown, path = ''): readonly string[] {
  if (Array.isArray(value)) return value.flatMap((element) => oddKeys(element, path));
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, field]) => {
    const snake = key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const isOdd = snake !== key && !Object.hasOwn(value, snake);
    return [
      ...(isOdd ? [`${path}.${key}`] : []),
      ...(foreign.has(key) ? [] : oddKeys(field, `${path}.${key}`)),
    ];
  });
}

describe('the JSON of the commands', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    const done = await maos.run(
      'run',
      'Document it.',
      '-x',
      'writer=echo one; echo two >&2; echo hi > "$MAOS_RESULTS/a.txt"',
    );
    assert.equal(done.status, 0, done.stderr);
  });
  after(() => maos.remove());

  const call = (...words: readonly string[]) =>
    maosInProcess([...words, '--json'], { env: { ...maos.env, HOME: maos.project }, cwd: maos.project });

  const lines: [command: string, words: readonly string[]][] = [
    ['list', ['list']],
    ['list', ['list', '--all', '--limit', '1']],
    ['status', ['status']],
    ['wait', ['wait']],
    ['logs', ['logs']],
    ['events', ['events']],
    ['run --dry-run', ['run', 'Plan it.', '-x', 'a=true', '--dry-run']],
    ['requests', ['requests', '--closed']],
    ['message list', ['message', 'list']],
    ['evidence', ['evidence']],
    ['ps', ['ps']],
    ['instances', ['instances']],
    ['gc', ['gc', '--dry-run', '--max-sessions', '0']],
    ['audit verify', ['audit', 'verify']],
    ['export', ['export', 'latest', '-o', 'session.tgz']],
    ['config', ['config']],
    ['config get', ['config', 'get', 'backend']],
    ['config set', ['config', 'set', 'maxDepth', '3']],
    ['config path', ['config', 'path']],
    ['roles', ['roles']],
    ['roles show', ['roles', 'show', 'tester']],
    ['backends', ['backends']],
    ['completion', ['completion', 'fish']],
    ['init', ['init', '--project', '.']],
    ['init', ['init', '--project', '.', '--remove']],
    ['token', ['token']],
    ['version', ['version']],
    ['doctor', ['doctor']],
  ];
  for (const [command, words] of lines) {
    it(`${words.join(' ')}: has its schema, with keys in snake_case`, async () => {
      const { stdout, stderr } = await call(...words);
      const isStream = command === 'logs' || command === 'events';
      const documents = isStream ? stdout.trimEnd().split('\n') : [stdout];
      for (const text of documents) {
        assert.notEqual(text, '', stderr);
        const document: unknown = JSON.parse(text);
        const { error } = cliDocuments[command]?.safeParse(document) ?? { error: 'no schema' };
        assert.equal(error, undefined, text);
        assert.deepEqual(oddKeys(document), []);
      }
    });
  }

  it('errors have a schema too', async () => {
    for (const words of [
      ['status', 'nobody'],
      ['cancel', 'latest'],
      ['list', '--bogus'],
      ['config', 'get', 'x'],
    ]) {
      const { stdout, stderr } = await call(...words);
      assert.equal(stdout, '');
      const document: unknown = JSON.parse(stderr);
      assert.equal(cliDocuments.error?.safeParse(document).error, undefined, stderr);
      assert.deepEqual(oddKeys(document), []);
    }
  });

  it('errors in what the user gave write no log', async () => {
    const logs = async () => (await readdir(join(maos.home, 'logs'))).length;
    const before = await logs();
    assert.equal((await call('status', 'nobody')).status, 3);
    assert.equal((await call('cancel', 'latest')).status, 4);
    assert.equal(await logs(), before);
  });

  it('docs/cli.schema.json has these schemas; npm run docs writes it anew', () => {
    assert.equal(readFileSync(schemaFile, 'utf8'), renderSchema());
  });
});
