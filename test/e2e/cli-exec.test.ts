import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

describe('a program of maos run --exec', () => {
  let maos: MaosFolder;
  before(async () => {
    maos = await MaosFolder.make();
  });
  after(() => maos.remove());

  it('reads nothing, has the role command, no limits, and the folder of its results in a variable', async () => {
    const program = 'cat; echo "read all"; env; echo done >"$MAOS_RESULTS/made.txt"';
    const { status, stderr } = await maos.run('run', '-x', `cat=${program}`, '-x', 'sh=/bin/sh');
    assert.equal(status, 0, stderr);
    const { stdout } = await maos.run('logs', 'latest', 'cat');
    assert.match(stdout, /^read all$/m);
    assert.doesNotMatch(stdout, /# Your task/);
    assert.match(stdout, /^MAOS_AGENT_ROLE=command$/m);
    assert.doesNotMatch(stdout, /^MAOS_(TIMEOUT_MINUTES|MAX_MEMORY_MB)=/m);
    const [, results = ''] = /^MAOS_RESULTS=(.*)$/m.exec(stdout) ?? [];
    assert.ok(existsSync(`${results}/made.txt`), results);
    const planned = await maos.run('run', '--dry-run', '-x', 'lint=true', '-x', 'tests=true');
    assert.match(planned.stdout, /^ {2}lint \(command\)$/m);
    const limited = await maos.run('run', '--dry-run', '-x', 'lint=true', '--timeout-minutes', '3');
    assert.match(limited.stdout, /^ {2}lint \(command, at most 3m 00s\)$/m);
  });

  it('reads its prompt if a plan says so, and one in another role unless it says no', async () => {
    const agents = [
      { name: 'asked', role: 'command', task: 'Read me.', command: 'cat', stdin: 'prompt' },
      { name: 'tester', role: 'tester', task: 'Read me.', command: 'cat' },
      { name: 'quiet', role: 'tester', task: 'Read me.', command: 'cat', stdin: 'none' },
    ];
    const plan = JSON.stringify({ objective: 'Read.', agents });
    assert.equal((await maos.start(['run', '-'], { input: plan }).finished).status, 0);
    for (const [name, reads] of [
      ['asked', true],
      ['tester', true],
      ['quiet', false],
    ] as const) {
      const { stdout } = await maos.run('logs', 'latest', name);
      assert.equal(/^# Your task$/m.test(stdout), reads, name);
    }
  });

  it('is what the role and the key are for', async () => {
    const refused = async (agent: object) => {
      const plan = JSON.stringify({ objective: 'x', agents: [{ task: 't', ...agent }] });
      return maos.start(['run', '-', '--dry-run'], { input: plan }).finished;
    };
    const none = await refused({ role: 'command' });
    assert.equal(none.status, 2);
    assert.match(none.stderr, /has the role 'command' but no command/);
    const unread = await refused({ role: 'tester', stdin: 'none' });
    assert.equal(unread.status, 2);
    assert.match(unread.stderr, /has "stdin", which only an agent with a command has/);
  });
});
