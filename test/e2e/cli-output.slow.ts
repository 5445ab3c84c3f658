import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { bundle, jsonLines, MaosFolder } from '../presentation/cli/maos-process.ts';

/**
 * Far smaller than the output, because pending output must not accumulate. On a busy machine, garbage collection is
 * late.
 */
const smallHeap = '--max-old-space-size=64';
const manyLines = 1_000_000;
/** One line, longer than the small heap. */
const longLine = 100_000_000;

describe('big output', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    const { status, stderr } = await maos.run(
      'run',
      '-x',
      `lines=seq ${manyLines}`,
      '-x',
      `long=head -c ${longLine} /dev/zero | tr '\\0' z`,
    );
    assert.equal(status, 0, stderr);
  });
  after(() => maos.remove());

  function shell(line: string) {
    const ended = spawnSync('sh', ['-c', line, process.execPath, bundle], {
      cwd: maos.project,
      env: { ...maos.env, NODE_OPTIONS: smallHeap },
      encoding: 'utf8',
      maxBuffer: 8_000_000,
    });
    // With more output than its buffer, spawnSync ends the shell.
    assert.equal(ended.error, undefined, line);
    return ended;
  }

  it('of an agent reaches a reader to its last line', () => {
    const { stdout, stderr } = shell('{ "$0" "$1" logs latest lines; echo $? >&2; } | tail -1');
    assert.equal(stderr, '0\n');
    assert.equal(stdout, `${manyLines}\n`);
  });

  it('reaches a reader that is slower than the disk byte for byte, in little memory', async () => {
    const child = spawn(process.execPath, [bundle, 'logs', 'latest', 'lines'], {
      cwd: maos.project,
      env: { ...maos.env, NODE_OPTIONS: smallHeap },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const seen = createHash('sha256');
    for await (const chunk of child.stdout) {
      seen.update(chunk);
      for (let turns = 0; turns < 20; turns++) await turn();
    }
    const expected = createHash('sha256');
    for (let line = 1; line <= manyLines; line++) expected.update(`${line}\n`);
    assert.equal(seen.digest('hex'), expected.digest('hex'));
    if (child.exitCode === null) await once(child, 'exit');
    assert.equal(child.exitCode, 0);
  });

  it('may be one line longer than the memory, for people and for programs', () => {
    const plain = shell('{ "$0" "$1" logs latest long; echo $? >&2; } | wc -c');
    assert.equal(plain.stderr, '0\n');
    assert.equal(Number(plain.stdout), longLine + 1);
    const both = shell('{ "$0" "$1" logs latest; echo $? >&2; } | tr -dc z | wc -c');
    assert.equal(both.stderr, '0\n');
    assert.equal(Number(both.stdout), longLine);
    const json = shell('"$0" "$1" logs latest long --json | head -c 5000000');
    const [first] = json.stdout.split('\n');
    const record = JSON.parse(first as string) as { line: string; continues?: boolean };
    assert.equal(record.continues, true);
    assert.match(record.line, /^z{1000,}$/);
  });

  it('as JSON is a record a line, also of every event', () => {
    const { stdout, stderr } = shell('{ "$0" "$1" logs latest lines --json; echo $? >&2; } | tail -1');
    assert.equal(stderr, '0\n');
    assert.equal(jsonLines(stdout)[0]?.line, String(manyLines));
  });

  it('has a tail of as many lines as were asked for', () => {
    const { stdout } = shell('"$0" "$1" logs latest lines --tail 500000 | sed -n "1p;\\$p"');
    assert.equal(stdout, `${manyLines - 499_999}\n${manyLines}\n`);
  });

  it('is left alone by who reads no further', () => {
    for (const [agent, line] of [
      ['lines', /^1\n$/],
      ['long', /^z{40}\n$/],
      // Which of them printed first is not certain.
      ['', /^(lines \| 1|long {2}\| z{32})\n$/],
    ] as const) {
      const { stdout, stderr } = shell(
        `{ "$0" "$1" logs latest ${agent}; echo $? >&2; } | head -1 | cut -c 1-40`,
      );
      assert.equal(stderr, '0\n', agent);
      assert.match(stdout, line);
    }
  });

  it('of small programs is shown with its blank lines, spaces and byte order marks', async () => {
    const { session_id } = jsonLines(
      (await maos.run('run', '--json', '-x', "odd=printf '\\n\\357\\273\\277a  \\n\\n  b\\n\\n'")).stdout,
    )[0] as { session_id: string };
    assert.equal((await maos.run('logs', session_id)).stdout, '\n\ufeffa  \n\n  b\n\n');
  });
});

describe('a stdout that cannot be written', {
  skip: existsSync('/dev/full') ? false : 'needs /dev/full',
}, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  function shell(line: string) {
    const { status, stderr } = spawnSync('sh', ['-c', line, process.execPath, bundle], {
      cwd: maos.project,
      env: maos.env,
      encoding: 'utf8',
    });
    return { status, stderr };
  }

  for (const [what, to] of [
    ['full', '> /dev/full'],
    ['closed', '| :'],
  ] as const) {
    for (const option of ['', ' --json']) {
      it(`and is ${what} ends the view of a run${option}, not the run`, async () => {
        const command = `"$0" "$1" run${option} -x 'first=sleep 0.3' -x 'fails=exit 3' -s sequential`;
        const { stderr } = shell(`{ ${command}; echo "status $?" >&2; } ${to}`);
        assert.match(stderr, /status 1\n$/);
        assert.match(stderr, /sess_\w+ failed/);
        assert.doesNotMatch(stderr, /\n {4}at |bug in MAOS/);
        const [session] = (await maos.json<{ sessions: { state: string }[] }>('list')).sessions;
        assert.equal(session?.state, 'failed');
      });
    }
  }

  it('fails a command whose output is all there is of it', async () => {
    await maos.run('run', '-x', 'a=echo out');
    for (const words of ['logs', 'events', 'list', 'help', '--version']) {
      const { status, stderr } = shell(`"$0" "$1" ${words} > /dev/full`);
      assert.match(stderr, /^maos: Cannot write to stdout: .*no space.*reads it\.\n$/, words);
      assert.equal(status, 5, words);
    }
    const { status, stderr } = shell('"$0" "$1" status --json > /dev/full');
    assert.equal((JSON.parse(stderr) as { error: { code: string } }).error.code, 'RESOURCE_LIMIT_EXCEEDED');
    assert.equal(status, 5);
  });

  it('is no matter to a command that does something', async () => {
    const { stdout } = await maos.run('run', '--detach', '-x', 'a=sleep 60');
    const { status, stderr } = shell('"$0" "$1" cancel latest > /dev/full');
    assert.match(stderr, /^maos: Cannot write to stdout/);
    assert.equal(status, 0);
    const { state } = await maos.json<{ state: string }>('status', stdout.trim());
    assert.equal(state, 'cancelled');
  });

  it('nor is a stderr that nobody reads', async () => {
    const { status } = shell(`"$0" "$1" run -x 'a=true' 2>/dev/full >/dev/full`);
    assert.equal(status, 0);
    assert.equal(shell(`"$0" "$1" status none 2>/dev/full`).status, 3);
  });
});
