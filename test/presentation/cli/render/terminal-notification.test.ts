import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  noticeSequence,
  titleSequence,
} from '../../../../src/presentation/cli/render/terminal-notification.ts';
import { assertHarmless, hostile } from '../../../helpers/hostile-world.ts';

/** The text within a control sequence. */
function within(sequence: string, begin: string): string {
  assert.ok(sequence.startsWith(begin) && sequence.endsWith('\u0007'), JSON.stringify(sequence));
  return sequence.slice(begin.length, -1);
}

describe("a notification with an agent's text", () => {
  it('does not end its control sequence early, nor begins another', () => {
    const text = `asks: \u001b\\\u0007\u009c${hostile}\u001b]52;c;cm0=\u0007`;
    assertHarmless('the title', within(titleSequence(text, { TERM: 'xterm' }), '\u001b]2;'));
    for (const [desktop, begin] of [
      ['osc9', '\u001b]9;'],
      ['osc777', '\u001b]777;'],
    ] as const) {
      const ways = ['desktop'] as const;
      assertHarmless(desktop, within(noticeSequence({ ways, text, desktop, env: {} }), begin));
    }
  });
});
