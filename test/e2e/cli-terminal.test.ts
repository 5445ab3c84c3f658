import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { stripVTControlCharacters } from 'node:util';
import { Gate } from '../helpers/gate.ts';
import { Screen } from '../helpers/screen.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';
import { bundle, lineFrom, MaosFolder } from '../presentation/cli/maos-process.ts';

const esc = String.fromCharCode(27);
// The `script` of util-linux runs a program on a pseudo-terminal; that of macOS needs a terminal itself.
const recorder = 'script';
const skip = /util-linux/.test(spawnSync(recorder, ['--version'], { encoding: 'utf8' }).stdout ?? '')
  ? false
  : "needs util-linux' script";

describe('maos on a terminal', { skip }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  /** @param typed what is typed on it */
  function onTerminal(words: string, env: NodeJS.ProcessEnv = {}, typed?: string) {
    const line = `stty cols 90 rows 20; '${process.execPath}' '${bundle}' ${words}`;
    const { status, stdout } = spawnSync(recorder, ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: maos.project,
      env: { ...maos.env, TERM: 'xterm', ...env },
      encoding: 'utf8',
      stdio: [typed === undefined ? 'ignore' : 'pipe', 'pipe', 'inherit'],
      ...(typed === undefined ? {} : { input: typed }),
    });
    return { status, stdout };
  }

  it('redraws the agents in place and gives the cursor back', () => {
    const { status, stdout } = onTerminal("run -x 'a=echo x; sleep 0.6' -x 'b=exit 3'");
    assert.equal(status, 1);
    assert.ok(stdout.startsWith(`${esc}[?25l`), 'the cursor is hidden');
    assert.ok(stdout.lastIndexOf(`${esc}[?25h`) > stdout.lastIndexOf(`${esc}[?25l`), 'and shown again');
    assert.ok(stdout.split(`${esc}[4A\r`).length > 3, 'four lines drawn again and again');
    assert.ok(stdout.includes(`${esc}[31m✗${esc}[39m`), 'red for a failure');
    const report = stripVTControlCharacters(stdout.slice(stdout.lastIndexOf(`${esc}[?25h`)));
    assert.match(report, /✗ sess_\w{26} failed {2}1 of 2 agents completed/);
  });

  it('shows the whole of what an agent asks, however narrow it is, and then how to answer', async () => {
    const question = `Which of these ports, ${'8080 or '.repeat(20)}none?`;
    const own = `'${process.execPath}' '${bundle}'`;
    const session = String(
      (await maos.json<{ session_id: string }>('run', '-x', `a=${own} ask '${question}'`, '--detach'))
        .session_id,
    );
    const { stdout } = onTerminal(`requests ${session} --wait --timeout 60`);
    const lines = stripVTControlCharacters(stdout).split(/\r?\n/);
    assert.match(lines[0] ?? '', /^REQUEST .* EXPIRES *$/);
    assert.match(lines[1] ?? '', /^\w{6} +a +question /);
    const how = lines.findIndex((line) => line.startsWith('Answer with:'));
    const asked = lines.slice(2, how).map((line) => line.trim());
    assert.equal(asked.join(' '), question);
    assert.match(lines.slice(how).join(' '), /^Answer with: .* answer\s+REQUEST/);
    assert.equal((await maos.start(['answer', 'latest', 'none']).finished).status, 0);
    assert.equal((await maos.start(['wait', session, '--timeout', '60']).finished).status, 0);
  });

  it('goes on with its agents while Ctrl-S stops what it shows', async () => {
    const gate = new Gate(maos.project, 'go');
    const words = `run -s sequential -x 'a=${gate.wait.replaceAll("'", '"')}' -x 'b=: >second'`;
    const line = `stty ixon; '${process.execPath}' '${bundle}' ${words}`;
    const child = spawn(recorder, ['--quiet', '--return', '--flush', '--command', line, '/dev/null'], {
      cwd: maos.project,
      env: { ...maos.env, TERM: 'xterm' },
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    const ended = once(child, 'close');
    let shown = '';
    const drawn = new Promise<void>((resolve) => {
      child.stdout.on('data', (piece: Buffer) => {
        shown += piece;
        if (shown.includes(`${esc}[?2026l`)) resolve();
      });
    });
    await drawn;
    child.stdin.write('\x13');
    // No more output: it is stopped.
    for (let before = -1; before !== shown.length; await giveTimeTo('show more', 500)) before = shown.length;
    gate.openNow();
    const second = join(maos.project, 'second');
    await until(() => existsSync(second));
    child.stdin.write('\x11');
    const [status] = await ended;
    assert.equal(status, 0);
    assert.match(stripVTControlCharacters(shown), /completed {2}2 of 2 agents completed/);
  });

  it('leaves its history to what was there before', () => {
    const team = Array.from({ length: 30 }, (_, index) => `-x 'agent-${index}=sleep 0.4'`);
    const { status, stdout } = onTerminal(`run --no-color ${team.join(' ')}`);
    assert.equal(status, 0);
    const screen = new Screen(90, 20);
    screen.write(stdout.slice(0, stdout.lastIndexOf(`${esc}[?25h`)));
    assert.deepEqual(screen.history, []);
    assert.equal(screen.text, '', 'the report begins where the view was');
  });

  it('has no colours with NO_COLOR or --no-color', () => {
    assert.ok(onTerminal('list').stdout.includes(`${esc}[31m`));
    assert.ok(!onTerminal('list', { NO_COLOR: '1' }).stdout.includes(esc));
    assert.ok(!onTerminal('list --no-color').stdout.includes(esc));
  });

  it('cuts tables at its edge', () => {
    const { stdout } = onTerminal("run --json --dry-run -x 'a=true'");
    assert.ok(JSON.parse(stdout), 'JSON stays JSON');
    for (const line of onTerminal('list --no-color').stdout.split('\r\n')) assert.ok(line.length <= 90, line);
  });

  it('breaks no word of what doctor says', () => {
    const folded = onTerminal('doctor --no-color').stdout.split('\r\n');
    for (const line of folded) assert.ok(line.length <= 90, line);
    const piped = spawnSync(process.execPath, [bundle, 'doctor'], {
      cwd: maos.project,
      env: maos.env,
      encoding: 'utf8',
    });
    // How many agents there are on the machine changes meanwhile.
    const isLasting = (line: string): boolean => !/^\S agents /.test(line);
    const wordsOf = (lines: readonly string[]): readonly string[] =>
      lines
        .filter(isLasting)
        .join(' ')
        .split(/\s+/)
        .filter((word) => /^[a-z]+$/i.test(word));
    const words = wordsOf(piped.stdout.split('\n'));
    assert.ok(words.includes('daemons'));
    assert.deepEqual(wordsOf(folded), words);
  });

  it('asks before gc removes what the settings keep, but not before it removes what is old', async () => {
    const ended = async () => (await maos.json<{ sessions: object[] }>('list')).sessions.length;
    await maos.run('run', '-x', 'a=true');
    const before = await ended();
    assert.ok(before > 0);
    const no = onTerminal('gc --max-sessions 0 --no-color', {}, 'n\n');
    assert.match(
      no.stdout,
      /removes \d+ sessions? that your settings keep;\s[\s\S]*\sRemove\s+them\?\s+\[y\/N\]/,
    );
    assert.match(no.stdout, /Nothing was removed\.\r\n$/);
    assert.deepEqual([no.status, await ended()], [1, before]);
    for (const words of ['gc', 'gc --max-sessions 0 --dry-run', 'gc --max-sessions 1000']) {
      const { status, stdout } = onTerminal(words, {}, 'n\n');
      assert.doesNotMatch(stdout, /Remove\s+them/, words);
      assert.deepEqual([status, await ended()], [0, before]);
    }
    const yes = onTerminal('gc --max-sessions 1', {}, 'y\n');
    assert.deepEqual([yes.status, await ended()], [0, 1]);
    assert.doesNotMatch(onTerminal('gc --max-sessions 0 --yes').stdout, /Remove\s+them/);
    assert.equal(await ended(), 0);
    await maos.run('run', '-x', 'a=true');
    const { status } = await maos.run('gc', '--max-sessions', '0');
    assert.deepEqual([status, await ended()], [0, 0]);
  });

  it('serves nobody in silence: it says what it waits for, until Ctrl-D or Ctrl-C', async () => {
    const waits =
      /^Waiting for an MCP client on stdin; Ctrl-D or Ctrl-C ends this\. 'maos init' shows\s+how\s+clients\s+start\s+it\.\s*$/;
    // At the end of what is typed, the recorder types Ctrl-D.
    const ended = onTerminal('serve --no-color', {}, '');
    assert.equal(ended.status, 0);
    assert.match(ended.stdout, waits);
    for (const [words, line] of [
      ['serve --no-color', /^Waiting for an MCP client on stdin; /],
      [
        'serve --no-color --http 0',
        /^MAOS is listening on http:\/\/127\.0\.0\.1:\d+ \('maos token' prints the required/,
      ],
    ] as const) {
      const command = `exec '${process.execPath}' '${bundle}' ${words}`;
      const child = spawn(recorder, ['--quiet', '--return', '--flush', '--command', command, '/dev/null'], {
        cwd: maos.project,
        env: { ...maos.env, TERM: 'xterm' },
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      const over = once(child, 'close');
      const first = await lineFrom(child.stdout, /./);
      assert.match(first.trimEnd(), line);
      child.stdin.write('\x03');
      assert.deepEqual(await over, [0, null], words);
    }
  });

  it('gives help where a pipe would be served', () => {
    const line = `'${process.execPath}' '${bundle}' < /dev/tty`;
    const { status, stdout } = spawnSync(recorder, ['--quiet', '--return', '--command', line, '/dev/null'], {
      cwd: maos.project,
      env: { ...maos.env, MAOS_PAGER: 'cat' },
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    assert.equal(status, 0);
    assert.match(stdout, /^Usage: maos /);
  });
});
