import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { maosWindow, promptWith, withoutTmux } from '../helpers/tmux.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

const small = { columns: 80, rows: 24 };
/** The last row while less waits for a key. */
const lessPrompt = /^:$/m;

describe('the pager in tmux', { skip: withoutTmux }, () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
    // More than the pipe to a pager takes.
    const { status, stderr } = await maos.run('run', '-x', 'counter=seq 30000');
    assert.equal(status, 0, stderr);
  });
  after(() => maos.remove());

  it('shows what is longer than the screen from its start, and quitting it early is not a failure', async (t) => {
    const window = await maosWindow(t, maos, small, { PAGER: 'less' });
    for (const [line, first] of [
      ['maos logs', /^1$/m],
      ['maos help', /^Usage: maos/m],
      ['maos run --help', /^Usage: maos run/m],
      ['maos config', /^SETTING/m],
    ] as const) {
      await window.begin();
      await window.type(line);
      const screen = await window.waitFor(lessPrompt);
      assert.match(screen, first, line);
      assert.equal(screen.split('\n').length, small.rows);
      await window.keys('q');
      await window.waitFor(promptWith(0));
    }
  });

  it('fits a new size of the terminal, and shows the end of a long log', async (t) => {
    const window = await maosWindow(t, maos, small, { PAGER: 'less' });
    await window.type('maos logs');
    await window.waitFor(lessPrompt);
    await window.keys('G');
    await window.waitFor(/^30000\n\(END\)$/m);
    await window.resize({ columns: 40, rows: 12 });
    const screen = await window.waitFor(/^:$/m);
    assert.equal(screen.split('\n').length, 12);
    await window.keys('q');
    await window.waitFor(promptWith(0));
  });

  it('keeps Ctrl-C for itself, however often', async (t) => {
    const window = await maosWindow(t, maos, small, { PAGER: 'less' });
    await window.type('maos logs');
    await window.waitFor(lessPrompt);
    await window.keys('C-c', 'C-c', 'C-c');
    await window.keys('g', '/', '2', '0', 'Enter');
    await window.waitFor(/^20\n(?:.*\n)*:$/m);
    await window.keys('q');
    await window.waitFor(promptWith(0));
    await window.type('stty -a | grep -c " echo "');
    await window.waitFor(/^1\n0\$/m);
  });

  it('is not used for what fits, with --no-pager, in a pipe, with cat, or if there is none', async (t) => {
    const window = await maosWindow(t, maos, small, { PAGER: 'less' });
    for (const [line, status] of [
      ['LESS= maos list', 0],
      ['maos logs --no-pager', 0],
      ['maos --no-pager help', 0],
      ['MAOS_PAGER=cat maos logs', 0],
      ['PAGER= maos logs', 0],
      ['MAOS_PAGER=no-such-pager maos logs', 0],
      ['maos logs | cat', 0],
      ['maos logs --raw', 0],
      ['maos logs nobody', 3],
      ['maos events --type nothing', 2],
    ] as const) {
      await window.begin();
      await window.type(line);
      await window.waitFor(promptWith(status));
    }
  });
});
