import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type ApprovalRule, ruleFor, ruleText } from '../../src/domain/approval-rule.ts';

/** `allow Bash(git status *)`, `deny *`. */
function rule(text: string): ApprovalRule {
  const [, decision = '', tool = '', pattern = null] =
    /^(\w+) ([^(]+)(?:\((.*)\))?$/s.exec(text) ?? assert.fail(text);
  return { tool, pattern, decision: decision as ApprovalRule['decision'] };
}

function answer(rules: readonly string[], tool: string, action: string): string | null {
  const found = ruleFor(rules.map(rule), { tool, action });
  return found === null ? null : ruleText(found);
}

describe('rules for permissions', () => {
  it('are looked up by the tool, and by what it is to do', () => {
    const rules = [
      'allow Read',
      'allow mcp__db__*',
      'allow Bash(git status *)',
      'allow Edit(/home/me/src/*)',
    ];
    const cases: readonly (readonly [tool: string, action: string, by: string | null])[] = [
      ['Read', '/etc/passwd', 'allow Read'],
      ['ReadAll', 'x', null],
      ['mcp__db__query', 'select 1', 'allow mcp__db__*'],
      ['Bash', 'git status -s', 'allow Bash(git status *)'],
      ['Bash', 'git push', null],
      ['Edit', '/home/me/src/a.ts', 'allow Edit(/home/me/src/*)'],
      ['Write', '/home/me/src/a.ts', null],
    ];
    for (const [tool, action, by] of cases)
      assert.equal(answer(rules, tool, action), by, `${tool}: ${action}`);
    assert.equal(answer([], 'Read', 'x'), null);
  });

  it('deny before they allow, whatever their order', () => {
    const rules = ['allow *', 'allow Bash(git push *)', 'deny Bash(git push*)'];
    assert.equal(answer(rules, 'Bash', 'git push origin'), 'deny Bash(git push*)');
    assert.equal(answer(rules, 'Bash', 'git pull'), 'allow *');
  });

  const smuggled = [
    'git status x; rm -rf /',
    'git status x && rm -rf /',
    'git status x\nrm -rf /',
    'git status $(rm -rf /)',
    'git status `rm -rf /`',
    'git status x > /etc/passwd',
    'git status x | sh',
    'git status x & rm y',
    `git status "x"'; rm -rf /`,
    'git status \\\nrm',
  ];
  for (const tool of ['Bash', 'shell', 'run_shell_command', 'a_shell_nobody_knows']) {
    it(`allow no command that hides behind an allowed one in ${tool}`, () => {
      assert.equal(answer(['allow *(git status *)'], tool, 'git status -s'), 'allow *(git status *)');
      for (const line of smuggled) assert.equal(answer(['allow *(git status *)'], tool, line), null, line);
    });
  }

  it('deny a command also among others and however it is quoted', () => {
    const rules = ['allow Bash', 'deny Bash(git push*)'];
    const lines = [
      'git push',
      'cd x && git push -f',
      '(git push)',
      'echo $(git push)',
      'git  "push"',
      "g'it' push",
      'a;git\tpush',
    ];
    for (const line of lines) assert.equal(answer(rules, 'Bash', line), 'deny Bash(git push*)', line);
    assert.equal(answer(rules, 'Bash', 'git pull'), 'allow Bash');
  });

  it('deny a command also within the input of a tool whose fields nobody knows', () => {
    const rules = ['allow *', 'deny *(git push*)'];
    for (const input of [
      { command: 'git push -f' },
      { steps: [{ run: 'cd x\ngit "push"' }], name: 'n' },
      { a: { b: { c: 'git push' } } },
    ]) {
      assert.equal(answer(rules, 'mcp__shell__run', JSON.stringify(input)), 'deny *(git push*)');
    }
    assert.equal(answer(rules, 'mcp__shell__run', '{"command":"git pull"}'), 'allow *');
    assert.equal(answer(rules, 'Bash', '{ git pull; }'), 'allow *');
  });

  it('allow no path that leaves the folder of their pattern', () => {
    const rules = ['allow Edit(src/*)'];
    for (const path of ['src/../.env', 'src/a/../../.env', 'src/..', 'src\\..\\x', 'srcs/a']) {
      assert.equal(answer(rules, 'Edit', path), null, path);
    }
    assert.equal(answer(rules, 'Edit', 'src/a..b/c.ts'), 'allow Edit(src/*)');
  });

  it('allow anything by * and without a pattern', () => {
    assert.equal(answer(['allow Bash(*)'], 'Bash', 'a; b\nc'), 'allow Bash(*)');
    assert.equal(answer(['allow *'], 'Bash', 'a; b'), 'allow *');
  });

  it('take no longer for a text that is made to be slow', () => {
    const long = `git status ${'a*'.repeat(50_000)};`;
    assert.equal(answer(['allow *(git status *a*b*c*)', 'deny *(x*y*z)'], 'Tool', long), null);
  });
});
