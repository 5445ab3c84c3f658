import assert from 'node:assert/strict';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { suite, test } from 'node:test';
import { Collector, makeBench as makeAnyBench, processesWith, program, rareSeconds } from '../test-bench.ts';

for (const [suffix, hasSpare] of [
  ['', false],
  [', in a shell that waited for it', true],
] as const)
  suite(`an agent that runs to its end${suffix}`, { concurrency: true }, () => {
    const makeBench: typeof makeAnyBench = (t, options) => makeAnyBench(t, { ...options, hasSpare });

    for (const status of [0, 7, 200]) {
      test(`exit status ${status} is reported and recorded`, async (t) => {
        const bench = await makeBench(t);
        const running = await bench.start('sh', ['-c', `exit ${status}`]);
        const end = await running.ended;
        assert.deepEqual({ ...end, at: '' }, { how: 'exited', exitCode: status, signal: null, at: '' });
        const record = JSON.parse(await readFile(join(bench.folder, 'exit.json'), 'utf8'));
        assert.deepEqual(record, { attempt: 1, status });
      });
    }

    test('a signal is reported by its name', async (t) => {
      const bench = await makeBench(t);
      const end = await (await bench.start('sh', ['-c', 'kill -SEGV $$'])).ended;
      assert.deepEqual({ ...end, at: '' }, { how: 'exited', exitCode: null, signal: 'SIGSEGV', at: '' });
    });

    test('arguments arrive as they are, never through a shell', async (t) => {
      const bench = await makeBench(t);
      const args = ['$HOME', '`id`', "it's", 'two  blanks', '', 'ünïcode', '*', '-n', 'line\nbreak', 'a;b'];
      const print = 'process.stdout.write(JSON.stringify(process.argv.slice(1)))';
      await (await bench.start(process.execPath, ['-e', print, '--', ...args])).ended;
      assert.deepEqual(JSON.parse(bench.output.text), args);
    });

    test("a program named like a shell's builtin is the program", async (t) => {
      const bench = await makeBench(t);
      await writeFile(join(bench.folder, 'exit'), '#!/bin/sh\necho "the program, with $1"\n', {
        mode: 0o755,
      });
      const end = await (await bench.start('exit', ['5'], { env: { PATH: `${bench.folder}:/usr/bin:/bin` } }))
        .ended;
      assert.equal(end.how === 'exited' && end.exitCode, 0);
      assert.equal(bench.output.text, 'the program, with 5\n');
    });

    test('stdin is the prompt, or empty', async (t) => {
      const [prompted, silent] = [await makeBench(t), await makeBench(t)];
      await writeFile(join(prompted.folder, 'prompt.md'), 'Do it.');
      await (await prompted.start('cat', [], { stdin: 'prompt' })).ended;
      assert.equal(prompted.output.text, 'Do it.');
      await (await silent.start('cat')).ended;
      assert.equal(silent.output.text, '');
    });

    test('stderr goes to its own file, and the wrapper adds no remarks to it', async (t) => {
      const bench = await makeBench(t);
      await (await bench.start('sh', ['-c', 'echo out; echo err >&2; kill -TERM $$'])).ended;
      assert.equal(await readFile(join(bench.folder, 'stderr.log'), 'utf8'), 'err\n');
      assert.equal(bench.output.text, 'out\n');
    });

    test('its files are for their owner only, its own umask is untouched', async (t) => {
      const bench = await makeBench(t);
      await (await bench.start('sh', ['-c', 'umask'])).ended;
      assert.equal(Number.parseInt(bench.output.text, 8), process.umask());
      for (const file of ['stdout.log', 'stderr.log', 'exit.json', 'launch.1']) {
        assert.equal((await stat(join(bench.folder, file))).mode & 0o777, 0o600, file);
      }
    });

    test('it runs in its working directory, in a session of its own', async (t) => {
      const bench = await makeBench(t, { workingDirectory: '/usr' });
      const running = await bench.start('sh', ['-c', 'pwd; echo $PWD; ps -o pgid= -p $$']);
      await running.ended;
      const [pwd, variable, group] = bench.output.text.split('\n');
      assert.deepEqual([pwd, variable, Number(group)], ['/usr', '/usr', running.location.data.pid]);
    });

    test('the environment is cleaned, completed and marked', async (t) => {
      const bench = await makeBench(t, {
        environment: {
          PATH: process.env.PATH,
          CLAUDECODE: '1',
          ANTHROPIC_API_KEY: 'secret',
          LANG: 'C',
          EDITOR: 'vi',
        },
      });
      const env = { EXTRA: 'yes', EDITOR: null };
      const print = 'process.stdout.write(JSON.stringify(process.env))';
      await (await bench.start(process.execPath, ['-e', print], { env })).ended;
      const { PATH: _, ...got } = JSON.parse(bench.output.text);
      const wanted = {
        LANG: 'C',
        EXTRA: 'yes',
        MAOS_AGENT_ATTEMPT: '1',
        MAOS_AGENT_ID: bench.agent.id,
        PWD: bench.folder,
      };
      // Some shells add their own variables, and Node adds one while it measures coverage.
      const foreign = ['_', 'SHLVL', 'OLDPWD', '__CF_USER_TEXT_ENCODING', 'NODE_V8_COVERAGE'];
      for (const name of foreign) delete got[name];
      assert.deepEqual(got, wanted);
    });

    test('names that a shell drops or sets itself reach the program, with their values', async (t) => {
      const odd = {
        'spring.profiles.active': 'dev, "test"',
        'my-flag': "it's $HOME",
        'BASH_FUNC_f%%': '() {  echo hi\n}',
        '1st': '',
        IFS: ':',
        OPTIND: '7',
        status: 'mine',
        folder: 'mine',
        http_proxy: 'http://127.0.0.1:9',
      };
      const bench = await makeBench(t, { environment: { PATH: process.env.PATH, ...odd } });
      const print = 'process.stdout.write(JSON.stringify(process.env))';
      const args = ['-e', print, '--', 'A=B'];
      await (await bench.start(process.execPath, args)).ended;
      const got = JSON.parse(bench.output.text);
      for (const [name, value] of Object.entries(odd)) assert.equal(got[name], value, name);
      assert.deepEqual(
        Object.keys(got).filter((name) => name.startsWith('MAOS_KEPT')),
        [],
      );
    });

    test('processes it leaves behind are ended before the end is told', async (t) => {
      const bench = await makeBench(t);
      const seconds = rareSeconds();
      const running = await bench.start(process.execPath, [program('family.mjs'), seconds]);
      await bench.output.heard('ready');
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 0);
      assert.deepEqual(await processesWith(seconds), []);
      assert.match(bench.logged.join('\n'), /left processes behind/);
    });

    test('a second attempt begins its output where the first one ended', async (t) => {
      const bench = await makeBench(t);
      await (await bench.start('echo', ['first'])).ended;
      const second = new Collector();
      const launch = { program: 'sh', args: ['-c', 'echo second; exit 4'], env: {}, stdin: 'none' } as const;
      const spec = { ...launch, cwd: bench.folder };
      const running = await bench.host.start({ ...bench.key, attempt: 2 }, bench.agent, spec, second);
      const end = await running.ended;
      assert.equal(end.how === 'exited' && end.exitCode, 4);
      assert.equal(second.text, 'second\n');
      assert.equal(await readFile(join(bench.folder, 'stdout.log'), 'utf8'), 'first\nsecond\n');
    });
  });

suite('the same launch twice', () => {
  test('runs the program once, and both hear all of it', async (t) => {
    const bench = await makeAnyBench(t);
    const lines = ['-c', 'echo ran; sleep 0.3; echo done'];
    const runs = await Promise.all(Array.from({ length: 4 }, () => bench.start('sh', lines)));
    const ends = await Promise.all(runs.map((running) => running.ended));
    for (const end of ends) assert.equal(end.how === 'exited' && end.exitCode, 0);
    assert.equal(await readFile(join(bench.folder, 'stdout.log'), 'utf8'), 'ran\ndone\n');
    assert.equal(
      bench.output.text.split('ran').length - 1,
      4,
      'each of the four delivers from the first byte',
    );
  });

  test('after its end only reports it again', async (t) => {
    const bench = await makeAnyBench(t);
    await (await bench.start('sh', ['-c', 'echo once; exit 3'])).ended;
    const end = await (await bench.start('sh', ['-c', 'echo twice'])).ended;
    assert.equal(end.how === 'exited' && end.exitCode, 3);
    assert.equal(bench.output.text, 'once\nonce\n');
  });
});

for (const [suffix, hasSpare] of [
  ['', false],
  [', where a shell waits', true],
] as const)
  suite(`a start that cannot succeed${suffix}`, { concurrency: true }, () => {
    const makeBench: typeof makeAnyBench = (t, options) => makeAnyBench(t, { ...options, hasSpare });

    const cases = [
      {
        name: 'not in PATH',
        program: 'no-such-program-x1',
        says: /no-such-program-x1.*no such program in the PATH/,
      },
      { name: 'not a file', program: './missing', says: /missing.*no such file/ },
      // As the system sees it; shortened earlier, it would be the shell.
      {
        name: 'past what is no folder',
        program: 'missing /../../../../../../../bin/sh',
        says: /missing.*no such file/,
      },
      { name: 'not executable', program: '/etc/passwd', says: /passwd.*not executable/ },
      { name: 'a directory', program: '/usr', says: /\/usr.*directory/ },
      { name: 'empty', program: '', says: /no such program/ },
      { name: 'too long', program: 'true', args: ['x'.repeat(3_000_000)], says: /too large/ },
      { name: 'with NUL', program: 'true', args: ['a\0b'], says: /NUL/ },
      { name: 'without its prompt', program: 'true', stdin: 'prompt' as const, says: /prompt\.md/ },
    ];
    for (const { name, program: file, args = [], stdin = 'none', says } of cases) {
      test(`program ${name}`, async (t) => {
        const bench = await makeBench(t);
        await assert.rejects(bench.start(file, args, { stdin }), { code: 'SPAWN_FAILED', message: says });
        // The attempt is still unused, because nothing ran.
        const end = await (await bench.attach()).ended;
        assert.equal(end.how, 'never_started');
      });
    }

    test('a working directory that does not exist', async (t) => {
      const bench = await makeBench(t, { workingDirectory: '/no/such/folder' });
      await assert.rejects(bench.start('true'), { code: 'SPAWN_FAILED', message: /"\/no\/such\/folder"/ });
    });
  });
