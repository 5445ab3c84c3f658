import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { Gate } from '../helpers/gate.ts';
import { maosWindow, promptWith, withoutTmux } from '../helpers/tmux.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

describe('the live view in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('is replaced by the report, and the prompt shows the exit status', async (t) => {
    const window = await maosWindow(t, maos, { columns: 80, rows: 24 });
    const gate = new Gate(maos.project, 'one');
    await window.type(`maos run -x "a=${gate.wait}; exit 3"`);
    await window.waitFor(/^ {2}\S a {2}backend_engineer/m);
    assert.equal(await window.format('#{cursor_flag}'), '0', 'the cursor is hidden');
    gate.openNow();
    const screen = await window.waitFor(promptWith(1));
    assert.match(screen, /✗ sess_\w{26} failed {2}0 of 1 agent completed/);
    assert.equal(await window.format('#{cursor_flag}'), '1');
  });
});
