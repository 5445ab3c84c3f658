import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMaosError } from '../../../src/domain/errors.ts';
import { commandGroups, parseCall } from '../../../src/presentation/cli/program.ts';
import { Terminal } from '../../../src/presentation/cli/shell/terminal.ts';

const commands = commandGroups.flatMap(([, group]) => group);

const parse = (...argv: readonly string[]) => parseAt(100, ...argv);

async function parseAt(columns: number, ...argv: readonly string[]) {
  let output = '';
  const stdout = {
    write: (text: string | Uint8Array, done?: () => void) => {
      output += text;
      done?.();
      return true;
    },
  };
  const terminal = new Terminal({
    stdout,
    stderr: { write: () => assert.fail('wrote to stderr') },
    env: { COLUMNS: String(columns) },
    noColor: false,
  });
  return { call: await parseCall(argv, terminal, () => '1.2.3'), output };
}

describe('the commands', () => {
  it('say what they do on a line, with one to five examples that begin with maos or claude', () => {
    for (const { name, summary, examples, hidden } of commands) {
      assert.ok(summary.length <= 70 && !summary.endsWith('.'), name);
      if (hidden === true) continue;
      assert.ok(examples.length >= 1 && examples.length <= 5, name);
      for (const { line } of examples) assert.match(line, /^(maos|claude) /);
    }
  });

  it('are all in the help, but for the hidden ones', async () => {
    const { call, output } = await parse('help');
    assert.equal(call, null);
    for (const { name, summary, hidden } of commands) {
      assert.equal(output.replaceAll(/\s+/g, ' ').includes(summary), hidden !== true, name);
    }
  });

  for (const { name, options, examples } of commands) {
    it(`${name}: help shows its options and examples`, async () => {
      const { output } = await parse('help', name);
      assert.equal(output, (await parse(name, '--help')).output);
      for (const { flags } of options) assert.ok(output.includes(flags), flags);
      for (const { line } of examples) assert.ok(output.includes(`$ ${line}`), line);
      assert.ok(output.includes('--json'));
    });
  }
});

describe('a command line', () => {
  it('gives arguments, options and global options, wherever they stand', async () => {
    const line = [
      '--json',
      'run',
      'Do it',
      '-x',
      'b=2',
      '-a',
      'qa=1',
      '--exec',
      'c=3',
      '--max-concurrency',
      '4',
      '--project',
      '/p',
    ];
    const { call } = await parse(...line);
    assert.ok(call);
    assert.equal(call.command.name, 'run');
    assert.deepEqual(call.args, ['Do it']);
    assert.equal(call.json, true);
    assert.equal(call.project, '/p');
    assert.equal(call.options.number('max-concurrency'), 4);
    assert.equal(call.options.flag('detach'), false);
    assert.equal(call.options.text('strategy'), undefined);
    assert.deepEqual(
      call.options.list('agent', 'exec').map(({ option, value }) => `${option} ${value}`),
      ['exec b=2', 'agent qa=1', 'exec c=3'],
    );
  });

  it('prints the version for --version', async () => {
    assert.deepEqual(await parse('--version'), { call: null, output: '1.2.3\n' });
    assert.deepEqual(await parse('-V'), { call: null, output: '1.2.3\n' });
  });

  it('calls commands by their aliases, which the help names', async () => {
    for (const [alias, name] of [
      ['ls', 'list'],
      ['st', 'status'],
      ['log', 'logs'],
    ] as const) {
      assert.equal((await parse(alias)).call?.command.name, name);
      assert.ok((await parse('help', name)).output.includes(`${name}|${alias}`), alias);
      assert.equal((await parse('help', alias)).output, (await parse('help', name)).output);
    }
  });

  it('shows help for help, and the version as JSON', async () => {
    assert.equal((await parse('help', 'help')).output, (await parse('help')).output);
    assert.deepEqual(JSON.parse((await parse('--json', '--version')).output), { version: '1.2.3' });
    assert.equal((await parse('-v')).output, '1.2.3\n');
  });

  it('wraps help at the given width, without breaking words', async () => {
    for (const width of [60, 80]) {
      for (const words of [['help'], ['help', 'run'], ['help', 'config']]) {
        const { output } = await parseAt(width, ...words);
        const line = output.split('\n').find((text) => text.length > width && !/^ +(\$ |-|\S+$)/.test(text));
        assert.equal(line, undefined);
      }
    }
  });

  it('takes fields to print as JSON', async () => {
    const { call } = await parse('list', '--fields', 'sessions.state, more');
    assert.deepEqual([call?.json, call?.fields], [true, ['sessions.state', 'more']]);
    assert.equal((await parse('list', '-C', '/p')).call?.project, '/p');
  });

  const refused: [argv: string[], message: RegExp, command: string | null][] = [
    [['bogus'], /^Unknown command "bogus"\.$/, null],
    [['help', 'roels'], /^Unknown command "roels"\. Did you mean 'roles'\?$/, null],
    [['kill'], /Did you mean 'cancel'\?$/, null],
    [['tail'], /Did you mean 'logs -f'\?$/, null],
    [['start'], /Did you mean 'run'\?$/, null],
    [['stop'], /Did you mean 'cancel'\?$/, null],
    [['up'], /Did you mean 'run'\?$/, null],
    [['down'], /Did you mean 'cancel'\?$/, null],
    [['rm'], /Did you mean 'gc'\?$/, null],
    [['inst'], /Did you mean 'instances'\?$/, null],
    [['config', 'list', '--limit', '3'], /unknown option/i, 'config'],
    [['list', '--fields', 'a..b'], /"a\.\.b" is not a field/, undefined as never],
    [['lst'], /Did you mean 'list'\?/, null],
    [['help', 'bogus'], /^Unknown command "bogus"\.$/, null],
    [['--json'], /^A command is missing\.$/, null],
    [['list', '--al'], /^Unknown option '--al'\. Did you mean '--all'\?$/, 'list'],
    [['list', '--limit', '0'], /whole number, from 1 to 100000/, 'list'],
    [['list', '--limit', '1.5'], /whole number/, 'list'],
    [['list', '--limit', '-3'], /whole number/, 'list'],
    [['wait', '--timeout', 'soon'], /must be a number/, 'wait'],
    [['list', '--state', 'odd'], /Allowed choices are created, running/, 'list'],
    [['cancel'], /^Name the session, or 'latest' for the newest of this project\.$/, 'cancel'],
    [['approve'], /^Missing required argument/, 'approve'],
    [['status', 'a', 'b'], /too many arguments/i, 'status'],
    [['list', '--limit'], /argument missing/, 'list'],
  ];
  for (const [argv, message, command] of refused) {
    it(`refuses ${argv.join(' ')}`, () =>
      assert.rejects(parse(...argv), (error) => {
        assert.ok(isMaosError(error, 'INVALID_INPUT'), String(error));
        assert.match(error.message, message);
        assert.equal(error.details.command, command);
        return true;
      }));
  }
});
