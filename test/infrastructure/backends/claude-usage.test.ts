import assert from 'node:assert/strict';
import { suite, test } from 'node:test';
import type { Usage } from '../../../src/domain/usage.ts';
import { readLines } from './recordings.ts';

function message(id: string, usage: object): object {
  return { type: 'assistant', message: { id, model: 'claude-x', content: [], usage } };
}
function success(more: object = {}): object {
  return { type: 'result', subtype: 'success', is_error: false, result: 'Done.', num_turns: 1, ...more };
}
function usage(...lines: readonly object[]): Usage | null {
  return readLines(...lines).run.usage;
}

suite('what a run of Claude Code used', () => {
  test('is what its messages told when the result line names no models', () => {
    const told = [message('a', { input_tokens: 10, output_tokens: 2 }), message('b', { input_tokens: 30 })];
    for (const more of [{}, { modelUsage: {} }, { modelUsage: null }, { usage: { input_tokens: 0 } }]) {
      assert.deepEqual(usage(...told, success({ num_turns: 2, ...more })), {
        inputTokens: 40,
        outputTokens: 2,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
        turns: 2,
        costUsd: null,
      });
    }
  });

  test('is what the result line told in all where the messages told nothing', () => {
    const told = usage(
      success({ usage: { input_tokens: 70, output_tokens: 9, cache_read_input_tokens: 5 } }),
    );
    assert.deepEqual([told?.inputTokens, told?.outputTokens, told?.cacheReadTokens], [70, 9, 5]);
  });

  test('is the sum of the stretches between its result lines; a line repeated is not one more', () => {
    const first = success({ num_turns: 2, usage: { input_tokens: 100 } });
    const second = success({ num_turns: 1, usage: { input_tokens: 30 } });
    const lines = [message('a', {}), message('b', {}), first, first, message('c', {}), second, second];
    const told = usage(...lines);
    assert.deepEqual([told?.inputTokens, told?.turns], [130, 3]);
  });

  test('is whole and in bounds, whatever the numbers are', () => {
    const absurd = { inputTokens: 10.5, outputTokens: -3, cacheReadInputTokens: 1e308 };
    const told = usage(
      message('a', { input_tokens: 100.2, output_tokens: '7', cache_creation_input_tokens: -1 }),
      success({ num_turns: 1.5, total_cost_usd: -2, modelUsage: { x: absurd } }),
    );
    assert.deepEqual(told, {
      inputTokens: 100,
      outputTokens: 0,
      cacheReadTokens: 1e12,
      cacheWriteTokens: 0,
      turns: 2,
      costUsd: 0,
    });
  });

  test('does not fall from line to line', () => {
    const told = usage(
      message('a', { input_tokens: 10 }),
      success({ modelUsage: { x: { inputTokens: 500 } }, total_cost_usd: 1 }),
      message('b', { input_tokens: 10 }),
      success({ modelUsage: { x: { inputTokens: 20 } }, total_cost_usd: 0.1 }),
    );
    assert.deepEqual([told?.inputTokens, told?.costUsd], [500, 1]);
  });
});
