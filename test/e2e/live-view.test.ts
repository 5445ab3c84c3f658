import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { maosWindow, promptWith, withoutTmux } from '../helpers/tmux.ts';
import { until } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

const small = { columns: 80, rows: 24 };
const agentA = /^ *\S \S a {2}/m;

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
    assert.match(screen, /✗ sess_\w{26} failed {2}0 of 1 agent completed/);
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
      left.replaceAll('\n', ''),
      /Left the view\. sess_\w{26} is still running\. Return with: maos attach/,
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
    await watching.waitFor(/maos attach sess_/);
    await waiting.type('clear; maos wait --timeout 60');
    await waiting.waitFor(agentA);
    gate.openNow();
    await waiting.waitFor(promptWith(0));
  });

  it('is plain lines with NO_COLOR, with CI and in a pipe', async (t) => {
    const window = await maosWindow(t, maos, { columns: 200, rows: 50 });
    const line = 'run --no-color -x a=true';
    await window.type(`NO_COLOR=1 maos ${line}; CI=1 maos ${line}; maos ${line} | cat`);
    await until(async () => (await window.screen()).match(/agent\.started +a/g)?.length === 3);
    await window.waitFor(promptWith(0));
    assert.equal((await window.screen()).match(/session\.completed/g)?.length, 3);
  });
});
