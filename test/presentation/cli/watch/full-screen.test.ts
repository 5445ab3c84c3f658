import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { Terminal } from '../../../../src/presentation/cli/shell/terminal.ts';
import { FullScreen } from '../../../../src/presentation/cli/watch/full-screen.ts';

describe('the full screen', () => {
  let written: string;
  let screen: FullScreen;
  /** Calls of the stream that are not done yet. */
  let open: (() => void)[];

  function taken(): string {
    for (const done of open.splice(0)) done();
    const text = written;
    written = '';
    return text;
  }

  beforeEach(() => {
    written = '';
    open = [];
    const stdout = {
      isTTY: true,
      write: (piece: string | Uint8Array, done?: () => void) => {
        written += String(piece);
        if (done !== undefined) open.push(done);
        return true;
      },
    };
    screen = new FullScreen(new Terminal({ stdout, stderr: stdout, env: {}, noColor: false }));
    screen.enter(true);
    assert.match(taken(), /\[\?1049h.*\[\?1000h.*\[\?1006h/s);
  });
  afterEach(() => screen.dispose());

  it('writes only the rows that have changed, and nothing when none has', () => {
    screen.draw(['one', 'two', 'three']);
    assert.match(taken(), /\[1;1Hone\S*\[2;1Htwo\S*\[3;1Hthree/);
    screen.draw(['one', 'two', 'three']);
    assert.equal(taken(), '');
    screen.draw(['one', '2', 'three']);
    assert.equal(taken(), '\u001b[?2026h\u001b[2;1H2\u001b[K\u001b[?2026l');
  });

  it('writes every row again after the terminal has changed them', () => {
    screen.draw(['one', 'two']);
    taken();
    screen.forget();
    screen.draw(['one', 'two']);
    assert.match(taken(), /\[2J.*one.*two/);
  });

  it('makes control characters in rows visible, but for formats', () => {
    screen.draw(['a\u001b]0;title\u0007b \u001b[7mchosen\u001b[27m']);
    assert.ok(taken().includes('a\\u001b]0;title\\u0007b \u001b[7mchosen\u001b[27m'));
  });

  it('gives the terminal back before the report of an error, and once', () => {
    process.emit('uncaughtExceptionMonitor', new Error('a defect'), 'uncaughtException');
    assert.match(taken(), /\[\?1006l.*\[\?25h.*\[\?1049l/s);
    screen.draw(['late']);
    screen.dispose();
    assert.equal(taken(), '');
  });

  it('gives the terminal back at the end of the process, even if earlier rows are still being written', () => {
    screen.draw(['one']);
    assert.equal(screen.isBehind, true);
    process.emit('exit', 0);
    assert.match(taken(), /\[\?1049l$/);
  });

  it('leaves no listener behind', () => {
    screen.dispose();
    const counts = (): number[] => [
      process.listenerCount('exit'),
      process.listenerCount('uncaughtExceptionMonitor'),
    ];
    const before = counts();
    const other = new FullScreen(
      new Terminal({ stdout: { write: () => true }, stderr: { write: () => true }, env: {}, noColor: true }),
    );
    other.dispose();
    assert.deepEqual(counts(), before);
  });
});
