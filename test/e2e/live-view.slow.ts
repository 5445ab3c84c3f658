import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { maosWindow, promptWith, withoutTmux } from '../helpers/tmux.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

const small = { columns: 80, rows: 24 };
const agentA = /^ *(\S )?\S a {2}/m;

describe('the live view in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  /** Starts a session in the background, whose agent waits at the gate. */
  async function startDetached(gate: Gate): Promise<string> {
    const line = `a=${gate.wait}`;
    const { session_id } = await maos.json<{ session_id: string }>('run', '-x', line, '--detach');
    return session_id;
  }

  it('is replaced by the report, and the prompt shows the exit status', async (t) => {
    const window = await maosWindow(t, maos, small);
    const gate = new Gate(maos.project, 'one');
    await window.type(`maos run -x "a=${gate.wait}; exit 3"`);
    await window.waitFor(agentA);
    assert.equal(await window.format('#{cursor_flag}'), '0', 'the cursor is hidden');
    gate.openNow();
    const screen = await window.waitFor(promptWith(1));
    assert.match(screen, /^✗ \w{6} failed {2}0 of 1 agent completed, 1 failed · /m);
    assert.equal(await window.format('#{cursor_flag}'), '1');
  });

  it('is seen from any terminal with attach, which Ctrl-C leaves without touching the session', async (t) => {
    const gate = new Gate(maos.project, 'attached');
    const session = await startDetached(gate);
    const window = await maosWindow(t, maos, small);
    await window.type('maos attach');
    await window.waitFor(agentA);
    await window.keys('C-c');
    const left = await window.waitFor(promptWith(130));
    assert.match(
      left,
      /Left the view\. sess_\w{26} is still running\.\n {2}maos attach sess_\w{26} {2}show it again/,
    );
    assert.equal(await window.format('#{cursor_flag}'), '1');
    await window.type(`clear; maos resume ${session}`);
    await window.waitFor(/^4\$/m);
    await window.type(`clear; maos attach ${session}`);
    await window.waitFor(agentA);
    gate.openNow();
    const end = await window.waitFor(promptWith(0));
    assert.match(end, /✓ sess_\w{26} completed {2}1 of 1 agent completed/);
  });

  it('is shown by wait and by status --watch, which end when the session pauses, and by resume', async (t) => {
    const gate = new Gate(maos.project, 'paused');
    const session = await startDetached(gate);
    const waiting = await maosWindow(t, maos, small);
    const watching = await maosWindow(t, maos, small);
    await waiting.type('maos wait');
    await watching.type('maos status --watch');
    await Promise.all([waiting.waitFor(agentA), watching.waitFor(agentA)]);
    assert.equal((await maos.run('pause', session)).status, 0);
    assert.match(await waiting.waitFor(promptWith(7)), /^sess_\w{26} paused$/m);
    await watching.waitFor(promptWith(0));
    await watching.type('clear; maos resume latest --detach');
    await watching.waitFor(/maos attach \w{6} /);
    await waiting.type('clear; maos wait --timeout 60');
    await waiting.waitFor(agentA);
    gate.openNow();
    await waiting.waitFor(promptWith(0));
  });

  it('is plain lines with NO_COLOR, with CI and in a pipe', async (t) => {
    const window = await maosWindow(t, maos, { columns: 200, rows: 50 });
    for (const line of [
      'NO_COLOR=1 maos run -x a=true',
      'CI=1 maos run -x a=true',
      'maos run -x a=true | cat',
    ]) {
      await window.type(`clear; ${line}`);
      const screen = await window.waitFor(/1 of 1 agent completed/);
      assert.match(screen, /^\d\d:\d\d:\d\d a: started/m, line);
    }
  });

  it('gives the terminal back at Ctrl-Z, and is drawn again after fg', async (t) => {
    const window = await maosWindow(t, maos, small);
    const gate = new Gate(maos.project, 'stopped');
    await window.type(`clear; maos run -x "a=${gate.wait}"`);
    await window.waitFor(agentA);
    await window.keys('C-z');
    const stopped = await window.waitFor(promptWith(148));
    assert.doesNotMatch(stopped, agentA, 'the view is gone');
    assert.equal(await window.format('#{cursor_flag}'), '1', 'the cursor is back');
    await window.type('bg');
    await window.type('echo only the shell writes $((6 * 7))');
    await window.waitFor(/^only the shell writes 42$/m);
    await window.type('fg');
    const again = await window.waitFor(agentA);
    assert.equal(again.match(/ a {2}running/g)?.length, 1, 'it is drawn once');
    assert.equal(await window.format('#{cursor_flag}'), '0');
    gate.openNow();
    await window.waitFor(promptWith(0));
    assert.equal(await window.format('#{cursor_flag}'), '1');
  });

  it('ends at Ctrl-C with what stops and how to go on', async (t) => {
    const window = await maosWindow(t, maos, { columns: 120, rows: 24 });
    const gate = new Gate(maos.project, 'left');
    await window.type(`clear; maos run -x "a=${gate.wait}"`);
    await window.waitFor(agentA);
    await window.keys('C-c');
    const screen = await window.waitFor(promptWith(130));
    assert.match(
      screen,
      /Detaching from sess_\w{26}\. Its agents are being stopped and can be resumed\. On resume, a starts/,
    );
    assert.match(screen, /^ {2}maos resume sess_\w{26} {2}continue$/m);
    assert.match(screen, /^ {2}maos cancel sess_\w{26} {2}end it for good$/m);
    assert.equal((await maos.run('wait')).status, 7);
    assert.equal((await maos.run('cancel', 'latest')).status, 0);
  });

  it('gives way to failures, then the counts as the last line, however large the team is', async (t) => {
    const window = await maosWindow(t, maos, small);
    const agents = Array.from(
      { length: 20 },
      (_, index) => `-x a${index}='echo said ${index}; exit $((${index} == 7))'`,
    );
    await window.type(`clear; maos run ${agents.join(' ')}`);
    const screen = await window.waitFor(promptWith(1));
    assert.match(screen, /^Failures\n {2}a7: exit_code: /m);
    assert.match(screen, /^ {2}… 19 completed: maos status \w{6}$/m);
    assert.match(screen, /\n✗ \w{6} failed {2}19 of 20 agents completed, 1 failed · [^\n]*\n1\$$/);
    assert.doesNotMatch(screen, /said 3/, 'results are for status');
  });
});
