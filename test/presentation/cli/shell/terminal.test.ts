import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import { describe, it } from 'node:test';
import { Interruption } from '../../../../src/presentation/cli/shell/interruption.ts';
import { OutputWriter } from '../../../../src/presentation/cli/shell/output-writer.ts';
import { programName } from '../../../../src/presentation/cli/shell/program-name.ts';
import { Terminal, wantsColour } from '../../../../src/presentation/cli/shell/terminal.ts';

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

  it('shows a notice after the lines before it, though the system is slow to take them', () => {
    const { terminal, written } = make();
    for (const line of ['TITLE', 'row', 'row']) terminal.line(line);
    terminal.notice('Next.');
    assert.equal(written.join(''), 'TITLE\nrow\nrow\nNext.\n');
  });

  it('is silent once nobody reads', () => {
    const { terminal, written } = make();
    terminal.loseOutput(new Error('gone'));
    terminal.line('x');
    assert.deepEqual(written, []);
  });
});

describe('output to a slow reader', () => {
  function make() {
    const written: string[] = [];
    const taken: (() => void)[] = [];
    const stream = {
      write: (text: string | Uint8Array, done: () => void = () => {}) => {
        written.push(String(text));
        taken.push(done);
        return false;
      },
    };
    return { writer: new OutputWriter(stream), written, taken };
  }

  it('is one write at a time; what is written meanwhile leaves together', async () => {
    const { writer, written, taken } = make();
    for (const text of ['a', 'b', 'c']) writer.write(text);
    assert.deepEqual(written, ['a']);
    let isDrained = false;
    const drained = writer.drained().then(() => {
      isDrained = true;
    });
    taken[0]?.();
    assert.deepEqual(written, ['a', 'bc']);
    await Promise.resolve();
    assert.equal(isDrained, false);
    taken[1]?.();
    await drained;
    await writer.drained();
  });

  it('is drained only when the system has taken every write, those of a flush too', async () => {
    const { writer, written, taken } = make();
    for (const text of ['a', 'b', 'c']) writer.write(text);
    writer.flush();
    writer.flush();
    assert.deepEqual(written, ['a', 'bc']);
    const drained = writer.drained();
    taken[0]?.();
    assert.equal(writer.isWriting, true);
    taken[1]?.();
    await drained;
    assert.equal(writer.isWriting, false);
  });

  it('is waited for by nobody once it is lost', async () => {
    const { writer, written } = make();
    writer.write('a');
    writer.write('b');
    const drained = writer.drained();
    const error = new Error('gone');
    writer.lose(error);
    await drained;
    writer.write('c');
    await writer.drained();
    assert.deepEqual(written, ['a']);
    assert.equal(writer.lost.reason, error);
  });
});

describe('interruption', () => {
  function make() {
    const source = new EventEmitter();
    const exits: number[] = [];
    return {
      source,
      exits,
      interruption: new Interruption(source, ['SIGINT', 'SIGTERM'], (status) => exits.push(status)),
    };
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

  it('ends at once a command that only shows something when stdout is gone', () => {
    const { exits, interruption } = make();
    interruption.outputLost(5);
    assert.deepEqual(exits, [5]);
  });

  it('lets a watching command go on without stdout', () => {
    const { exits, interruption } = make();
    const signal = interruption.watch();
    interruption.outputLost(5);
    assert.ok(!signal.aborted);
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
    [
      '/h/.npm/_npx/1a/node_modules/.bin/maos',
      { npm_command: 'exec' },
      'node /h/.npm/_npx/1a/node_modules/.bin/maos',
    ],
    ['/repo/bin/maos.js', {}, 'node /repo/bin/maos.js'],
    ['/repo/bin/maos.js', { npm_command: 'run', npm_package_json: '/repo/package.json' }, 'npx maos'],
    [
      '/lib/maos/bin/maos.js',
      { npm_command: 'run', npm_package_json: '/repo/package.json' },
      'node /lib/maos/bin/maos.js',
    ],
    ["/my repo's/bin/maos.js", {}, "node '/my repo'\\''s/bin/maos.js'"],
  ];
  for (const [script, env, name] of cases)
    it(name, () =>
      assert.equal(
        programName(script, env, () => '/repo'),
        name,
      ),
    );

  it('is no call of npx in a folder where npx would look the name up in the registry', () => {
    const env = { npm_command: 'run', npm_package_json: '/repo/package.json' };
    assert.equal(
      programName('/repo/bin/maos.js', env, () => '/elsewhere'),
      'node /repo/bin/maos.js',
    );
  });
});
