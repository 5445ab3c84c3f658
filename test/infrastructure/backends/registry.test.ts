import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import { makeClaudeBackend } from '../../../src/infrastructure/backends/claude/backend.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../../src/infrastructure/backends/registry.ts';
import { thrownBy } from '../../domain/samples.ts';
import { settingsOf } from './claude-settings.ts';

suite('the backends', () => {
  const claude = makeClaudeBackend({ config: settingsOf(), env: {} });
  const command = makeCommandBackend();
  const backends = makeBackends([claude, command]);

  test('are found by name', () => {
    assert.deepEqual(backends.names, ['claude', 'command']);
    assert.equal(backends.get('claude'), claude);
    assert.equal(backends.get('command'), command);
  });

  test('an unknown name is refused with those that exist', () => {
    const error = thrownBy('INVALID_INPUT', () => backends.get('claud\n'));
    assert.equal(
      error.message,
      'Unknown backend "claud\\n". Did you mean "claude"? Backends: claude, command.',
    );
    assert.deepEqual(error.details, { backend: 'claud\n', names: ['claude', 'command'] });
    // Names of built-in object methods are not backends.
    thrownBy('INVALID_INPUT', () => backends.get('constructor'));
  });
});
