import assert from 'node:assert/strict';
import { readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { maosInProcess } from '../helpers/maos-in-process.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

describe('maos config', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  const config = (...words: string[]) =>
    maosInProcess(['config', ...words], { env: { ...maos.env, HOME: maos.project }, cwd: maos.project });
  const said = async (...words: string[]): Promise<string> => {
    const { status, stdout, stderr } = await config(...words);
    assert.equal(status, 0, stderr);
    return stdout;
  };

  it('shows what is set, where it comes from, and what overrides it', async () => {
    assert.match(await said(), /^maxDepth +2 +default$/m);
    assert.equal(
      await said('set', 'maxDepth', '3'),
      'Set in ~/home/config.json: maxDepth.\nIn force here: 3 (~/home/config.json)\n',
    );
    assert.match(await said('list'), /^maxDepth +3 +~\/home\/config\.json$/m);
    assert.equal(await said('get', 'maxDepth'), '3\n');
    assert.equal(await said('get', 'backend'), 'claude\n');
    const own = await said('set', 'maxDepth', '4', '--project');
    assert.match(own, /^Set in ~\/home\/projects\/[0-9a-f]{64}\/config\.json: maxDepth\.\nIn force here: 4 /);
    assert.match(
      await said('set', 'maxDepth', '5'),
      /In force here: 4, because ~\/home\/projects\/.* overrides it/,
    );
    const { settings } = JSON.parse(await said('--json'));
    const found = settings.find(({ key }: { key: string }) => key === 'maxDepth');
    assert.equal(found.value, 4);
    assert.equal(`${found.origin}\n`, await said('path', '--project'));
    await said('unset', 'maxDepth', '--project');
    assert.equal(
      await said('unset', 'maxDepth'),
      'Removed from ~/home/config.json: maxDepth.\nIn force here: 2 (default)\n',
    );
    assert.match(await said('unset', 'maxDepth'), /already has it this way/);
  });

  it('says what it does not understand, with what to do', async () => {
    const wrong: [words: string[], status: number, stderr: RegExp][] = [
      [['set', 'maxDepth'], 2, /Use 'maos config set KEY VALUE', not "set maxDepth"/],
      [['see'], 2, /Unknown action "see"\. Use list, get, set, unset, edit or path\./],
      [['list', 'maxDepth'], 2, /Use 'maos config list', not "list maxDepth"/],
      [['get', 'maxdep'], 2, /maxdep is not a setting\. Did you mean maxDepth\?/],
      [['get', 'limits'], 2, /limits is not a setting\. It is a group of settings: limits\./],
      [['set', 'maxDepth', '99'], 2, /maxDepth is 99; it must be a whole number from 0 to 10/],
      [
        ['set', 'allowCommands', '[]', '--project'],
        4,
        /allowed only in your own settings: leave out --project/,
      ],
    ];
    for (const [words, status, stderr] of wrong) {
      const done = await config(...words);
      assert.deepEqual([done.status, done.stdout], [status, '']);
      assert.match(done.stderr, stderr);
    }
  });

  it('tells nobody a value that may be a secret', async () => {
    await said(
      'set',
      'backends.agentClient.goose',
      '{"command": "/bin/true", "env": {"API_KEY": "sk-quiet"}}',
    );
    for (const words of [[], ['--json'], ['get', 'backends.agentClient']]) {
      assert.doesNotMatch(await said(...words), /sk-quiet/);
    }
  });

  describe('edit', () => {
    const file = () => join(maos.home, 'config.json');
    const edit = (editor: string, ...words: string[]) =>
      maosInProcess(['config', 'edit', ...words], {
        env: { ...maos.env, HOME: maos.project, VISUAL: '', EDITOR: editor },
        cwd: maos.project,
      });
    const writing = (text: string): string => `printf '%s' '${text}' > "$1"; :`;
    before(async () => {
      await rm(file(), { force: true });
    });

    it('replaces the file by what the editor leaves, if that is valid', async () => {
      const done = await edit(writing('{"maxDepth": 4} // mine'));
      assert.deepEqual(done, { status: 0, stdout: 'Changed: ~/home/config.json\n', stderr: '' });
      assert.equal(await readFile(file(), 'utf8'), '{"maxDepth": 4} // mine');
      assert.equal((await edit('true')).stdout, 'Nothing was changed.\n');
      assert.deepEqual(
        await readdir(maos.home).then((names) => names.filter((name) => name.includes('edited'))),
        [],
      );
    });

    it('keeps a text that is not valid, changes nothing, and goes on with it', async () => {
      const wrong = await edit(writing('{"maxDepth": 99}'));
      assert.equal(wrong.status, 2);
      assert.match(wrong.stderr, /maxDepth is 99; it must be a whole number from 0 to 10/);
      assert.match(
        wrong.stderr,
        /kept in ~\/home\/config\.json\.edited: 'maos config edit' continues with it/,
      );
      assert.equal(await readFile(file(), 'utf8'), '{"maxDepth": 4} // mine');
      const mended = await edit('sed -i s/99/9/');
      assert.match(
        mended.stderr,
        /^Continuing with the text that was not valid: ~\/home\/config\.json\.edited/,
      );
      assert.equal(mended.status, 0);
      assert.equal(await readFile(file(), 'utf8'), '{"maxDepth": 9}');
    });

    it('replaces no file that something else has changed meanwhile', async () => {
      const other = await edit(`echo '{"maxDepth": 1}' > ${file()}; ${writing('{"maxDepth": 2}')}`);
      assert.equal(other.status, 2);
      assert.match(other.stderr, /was changed by something else meanwhile/);
      assert.equal(await readFile(file(), 'utf8'), '{"maxDepth": 1}\n');
      await rm(`${file()}.edited`);
    });

    it('says when there is no editor, or it fails', async () => {
      assert.match((await edit('')).stderr, /No editor is set: set VISUAL or EDITOR/);
      assert.match((await edit('false')).stderr, /The editor "false" ended with status 1/);
    });
  });
});
