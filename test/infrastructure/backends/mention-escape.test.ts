import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { mentionEscape } from '../../../src/infrastructure/backends/shared/mention-escape.ts';
import { fc } from '../../helpers/properties.ts';

describe('text in a prompt for CLIs that act on @path', () => {
  /** The expression with which Gemini CLI 0.61 finds attachments; Qwen Code 0.24 uses the same. */
  const mention = /(?<!\\)@(?:(?:"(?:[^"]*)")|(?:\\.|[^ \t\n\r,;!?()[\]{}.]|\.(?!$|[ \t\n\r])))+/g;
  const text = fc.string({ unit: fc.constantFrom('@', '\\', '/', '!', ' ', '\n', '.', '"', 'a', 'é', '🎉') });

  it('attaches nothing, and is itself again without the backslashes', () => {
    fc.assert(
      fc.property(text, text, (one, other) => {
        const escaped = mentionEscape.apply(one);
        for (const prompt of [escaped, `${other.replaceAll('@', '')}${escaped}`]) {
          assert.equal(prompt.match(mention), null, prompt);
        }
        assert.equal(escaped.replaceAll('\\@', '@'), one);
      }),
    );
  });
});
