import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { Interruption } from '../../../src/presentation/cli/interruption.ts';
import { programName } from '../../../src/presentation/cli/program-name.ts';
import { Terminal, wantsColour } from '../../../src/presentation/cli/terminal.ts';

describe('colour', () => {
  const tty = { isTTY: true };
  const pipe = {};
  const cases: [what: string, colour: boolean, ...Parameters<typeof wantsColour>][] = [
    ['a terminal', true, tty, {}, false],
    ['a pipe', false, pipe, {}, false],
    ['--no-color', false, tty, { FORCE_COLOR: '1' }, true],
    ['NO_COLOR', false, tty, { NO_COLOR: '1' }, false],
    ['an empty NO_COLOR', true, tty, { NO_COLOR: '' }, false],
    ['FORCE_COLOR', true, pipe, { FORCE_COLOR: '1' }, false],
    ['FORCE_COLOR over NO_COLOR', true, pipe, { FORCE_COLOR: '', NO_COLOR: '1' }, false],
    ['FORCE_COLOR=0', false, tty, { FORCE_COLOR: '0' }, false],
    ['a dumb terminal', false, tty, { TERM: 'dumb' }, false],
  ];
  for (const [what, colour, ...given] of cases) {
    it(`${what}: ${colour}`, () => assert.equal(wantsColour(...given), colour));
  }
});

describe('the terminal', () => {
  function make(stdout: { isTTY?: boolean; columns?: number } = {}) {
    const written: string[] = [];
    const stream = {
      ...stdout,
      write: (text: string) => {
        written.push(text);
        return true;
      },
    };
    const terminal = new Terminal({ stdout: stream, stderr: stream, env: {}, noColor: false });
    return { terminal, written };
  }

  it('cuts lines at its width, and never elsewhere', () => {
    assert.equal(make({ isTTY: true, columns: 50 }).terminal.canvas.width, 50);
    assert.equal(make({ isTTY: true, columns: 0 }).terminal.canvas.width, 80);
    assert.equal(make().terminal.canvas.width, Number.POSITIVE_INFINITY);
  });

  it('escapes in JSON what would steer it', () => {
    const { terminal, written } = make();
    terminal.record({ text: 'a\u009b2J\u007f\u001b[2J' });
    assert.deepEqual(written, ['{"text":"a\\u009b2J\\u007f\\u001b[2J"}\n']);
    assert.deepEqual(JSON.parse(written[0] as string), { text: 'a\u009b2J\u007f\u001b[2J' });
  });

  it('is silent once nobody reads', () => {
    const { terminal, written } = make();
    terminal.closeOutput();
    terminal.line('x');
    assert.deepEqual(written, []);
  });
});

describe('interruption', () => {
  function make() {
    const source = new EventEmitter();
    const exits: number[] = [];
    return { source, exits, interruption: new Interruption(source, (status) => exits.push(status)) };
  }

  it('ends the program at once where nobody watches', () => {
    const { source, exits } = make();
    source.emit('SIGINT');
    assert.deepEqual(exits, [130]);
  });

  it('asks first and ends the program the second time', () => {
    const { source, exits, interruption } = make();
    const signal = interruption.watch();
    source.emit('SIGTERM');
    assert.ok(signal.aborted);
    assert.deepEqual(exits, []);
    source.emit('SIGINT');
    assert.deepEqual(exits, [130]);
  });

  it('ends quietly when nobody reads the output', () => {
    const { exits, interruption } = make();
    interruption.outputClosed();
    assert.deepEqual(exits, [0]);
  });

  it('asks a watching command to end when nobody reads, once', () => {
    const { exits, interruption } = make();
    const signal = interruption.watch();
    interruption.outputClosed();
    interruption.outputClosed();
    assert.ok(signal.aborted);
    assert.deepEqual(exits, []);
  });

  it('leaves no listener behind', () => {
    const { source, interruption } = make();
    interruption.dispose();
    assert.deepEqual(source.eventNames(), []);
  });
});

describe("the program's name in commands shown", () => {
  const cases: [script: string | undefined, env: Record<string, string>, name: string][] = [
    ['/usr/local/bin/maos', {}, 'maos'],
    [undefined, {}, 'maos'],
    ['/x/node_modules/.bin/maos', { npm_command: 'exec' }, 'npx maos'],
    ['/repo/bin/maos.js', {}, 'node /repo/bin/maos.js'],
    ["/my repo's/bin/maos.js", {}, "node '/my repo'\\''s/bin/maos.js'"],
  ];
  for (const [script, env, name] of cases) it(name, () => assert.equal(programName(script, env), name));
});
