import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { maosWindow, promptWith, type TmuxWindow, type WindowSize, withoutTmux } from '../helpers/tmux.ts';
import { until } from '../helpers/waiting.ts';
import { bundle, MaosFolder } from '../presentation/cli/maos-process.ts';

const small = { columns: 80, rows: 24 };
const large = { columns: 200, rows: 50 };

interface Status {
  readonly session_id: string;
  readonly state: string;
  readonly agents: readonly { readonly name: string; readonly state: string }[];
}

describe('maos watch in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  async function stateOf(session: string): Promise<string> {
    return (await maos.json<Status>('status', session)).state;
  }

  /** A window, and a team in the background whose agents are shell lines. */
  async function windowWithTeam(
    t: TestContext,
    size: WindowSize,
    ...agents: readonly string[]
  ): Promise<{ window: TmuxWindow; session: string }> {
    const words = agents.flatMap((agent) => ['-x', agent]);
    const { session_id: session } = await maos.json<Status>('run', '--detach', ...words);
    t.after(() => maos.run('cancel', session));
    return { window: await maosWindow(t, maos, size), session };
  }

  it('shows a team, is resized, and leaves the session running and the terminal as it was', async (t) => {
    const gate = new Gate(maos.project, 'shown');
    const build = `build=for i in $(seq 40); do echo step $i; done; ${gate.wait}`;
    const { window, session } = await windowWithTeam(t, small, build, `test=${gate.wait}`);
    await window.type('echo before; maos watch');
    await window.waitFor(/^> .*● running/m);
    assert.equal(await window.format('#{alternate_on} #{cursor_flag} #{mouse_sgr_flag}'), '1 0 1');
    await window.keys('Enter');
    const screen = await window.waitFor(/step 40$/m);
    assert.match(screen, /^> .*\S build /m);
    assert.match(screen, /1 OUTPUT {2}2 Graph/);
    await window.resize(large);
    const wide = await window.waitFor(/│ step 1$/m);
    assert.ok(wide.split('\n').length <= large.rows);
    await window.keys('2');
    await window.waitFor(/● {2}build {2}● running/);
    await window.keys('3');
    await window.waitFor(/build: started/);
    await window.resize({ columns: 40, rows: 12 });
    await window.waitFor(/needs 80 x 24/);
    await window.resize(small);
    await window.waitFor(/3 EVENTS/);
    await window.keys('q');
    const left = await window.waitFor(promptWith(0));
    assert.match(left, /^before$/m);
    assert.equal(await window.format('#{alternate_on} #{cursor_flag} #{mouse_sgr_flag}'), '0 1 0');
    assert.deepEqual(
      (await window.scrollback()).filter((line) => line.includes('step')),
      [],
    );
    assert.equal(await stateOf(session), 'running');
  });

  it('answers a question and cancels an agent', async (t) => {
    const gate = new Gate(maos.project, 'asked');
    const ask = `asker=${process.execPath} ${bundle} ask 'Which port?' > port; ${gate.wait}`;
    const { window, session } = await windowWithTeam(t, large, ask, `other=${gate.wait}`);
    await window.type(`maos watch ${session}`);
    await window.waitFor(/Requests \(1\)/);
    await window.keys('e');
    await window.waitFor(/asker asks:\n +Which port\?/);
    await window.type('8080');
    await window.waitFor(/answered/);
    await until(() => readFileSync(join(maos.project, 'port'), 'utf8').trim() === '8080');
    await window.keys('Down', 'x');
    await window.waitFor(/Cancel the agent other\?/);
    await window.keys('y');
    await window.waitFor(/other was cancelled/);
    const { agents, state } = await maos.json<Status>('status', session);
    assert.equal(state, 'running');
    assert.deepEqual(
      agents.map(({ name, state: of }) => [name, of]),
      [
        ['asker', 'running'],
        ['other', 'cancelled'],
      ],
    );
    await window.keys('q');
    await window.waitFor(promptWith(0));
  });

  it('resumes a paused session, which continues in the background when it is left', async (t) => {
    const gate = new Gate(maos.project, 'resumed');
    const { window, session } = await windowWithTeam(t, small, `work=${gate.wait}`);
    await window.type('NO_COLOR=1 maos watch');
    await window.waitFor(/^> .*● running/m);
    await window.keys('p');
    await window.waitFor(/1 running agent stops working/);
    await window.keys('y');
    await window.waitFor(/is paused: 1 agent suspended/);
    await window.keys('r');
    await window.waitFor(/Suspended agents continue/);
    await window.keys('y');
    await window.waitFor(/is running/);
    await window.keys('q');
    await window.waitFor(promptWith(0));
    gate.openNow();
    await until(async () => (await stateOf(session)) === 'completed');
  });

  it('gives the terminal back when it is stopped, with Ctrl-Z or from elsewhere, and draws again with fg', async (t) => {
    const gate = new Gate(maos.project, 'suspended');
    const { window } = await windowWithTeam(t, small, `work=${gate.wait}`);
    await window.type(`sh -c 'echo $$ >pid; exec maos watch'`);
    const stops = [
      () => window.keys('C-z'),
      async () => process.kill(Number(readFileSync(join(maos.project, 'pid'), 'utf8')), 'SIGTSTP'),
    ];
    for (const stop of stops) {
      await window.waitFor(/^> .*● running/m);
      await stop();
      await window.waitFor(/Stopped/);
      assert.equal(await window.format('#{alternate_on} #{cursor_flag}'), '0 1');
      await window.type('clear; stty -a | grep -o "[ -]icanon"; fg');
    }
    await window.waitFor(/^> .*● running/m);
    await window.keys('Enter');
    await window.waitFor(/1 OUTPUT/);
    await window.keys('q');
    assert.match(await window.waitFor(promptWith(0)), /^ icanon$/m);
  });

  it('gives the terminal back on SIGTERM and SIGHUP, and touches no session', async (t) => {
    const gate = new Gate(maos.project, 'signalled');
    const { window, session } = await windowWithTeam(t, small, `work=${gate.wait}`);
    for (const signal of ['TERM', 'HUP']) {
      await window.type(`clear; sh -c 'echo $$ >pid; exec maos watch'`);
      await window.waitFor(/^> .*● running/m);
      process.kill(Number(readFileSync(join(maos.project, 'pid'), 'utf8')), `SIG${signal}`);
      await window.waitFor(promptWith(130));
      assert.equal(await window.format('#{alternate_on} #{cursor_flag} #{mouse_sgr_flag}'), '0 1 0', signal);
      assert.equal(await stateOf(session), 'running');
    }
  });

  it('shows the first session of a project as soon as it is there, and lands its work', async (t) => {
    const fresh = await MaosFolder.make();
    t.after(() => fresh.remove());
    const git = (...args: readonly string[]) =>
      spawnSync('git', args, { cwd: fresh.project, encoding: 'utf8' });
    git('init', '--quiet', '--initial-branch', 'main');
    git(
      '-c',
      'user.name=Ann',
      '-c',
      'user.email=ann@example.org',
      'commit',
      '--quiet',
      '--allow-empty',
      '-m',
      'Begin',
    );
    const window = await maosWindow(t, fresh, small);
    await window.type('maos watch');
    await window.waitFor(/There is no session yet/);
    const made = await fresh.run('run', '--worktree', '-x', 'work=echo made >made.txt');
    assert.equal(made.status, 0, made.stderr);
    await window.waitFor(/^> .*✓ completed/m);
    await window.keys('l');
    await window.waitFor(/MAOS merges the branches of work onto main/);
    await window.keys('y');
    await window.waitFor(/lands the work onto main/);
    await window.keys('q');
    await window.waitFor(promptWith(0));
    await until(() => git('show', 'main:made.txt').stdout === 'made\n');
  });

  it('needs a terminal, and names what serves without one', async () => {
    const { status, stdout, stderr } = await maos.run('watch');
    assert.equal(status, 2);
    assert.equal(stdout, '');
    assert.match(stderr, /'maos watch' needs a terminal.*Use '.* list' and '.* status' instead/);
    const json = await maos.run('watch', '--json');
    assert.equal(json.status, 2);
    assert.match(json.stderr, /prints no JSON/);
  });
});
