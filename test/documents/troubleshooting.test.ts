import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { pages } from '../helpers/documents.ts';

const root = join(import.meta.dirname, '../..');
const page = pages().get('docs/troubleshooting.md') ?? assert.fail();
const problems = page.split(/^### /m).slice(1);
const program = ['dist/maos.js', 'bin/maos.js']
  .map((file) => readFileSync(join(root, file), 'utf8'))
  .join('\n')
  .replaceAll('\\', '');

/** What the shell or a client says. */
const ofOthers = ['maos: command not found', 'Failed to connect'];
/** Shorter pieces may occur anywhere in a program. */
const leastLength = 14;

function messagesOf(problem: string): readonly string[] {
  const blocks = [...problem.matchAll(/^```text\n(.*?)^```/gms)];
  return blocks.flatMap(([, block = '']) => block.trimEnd().split('\n'));
}

/** What stands for values in the quoted messages, and where they are put together. */
const values =
  /…|"[^"]*"|v?\d[\d.,]*|\((?:user|interrupted|quota)|^build|^api|npm test| {2,}|\. |\bmaos\b|on PATH|Claude Code|MAOS_CLAUDE_PATH|waiting: |missing|rows|\[y\/N\]/;

/**
 * What the program does not contain of a message, which may be put together from several texts.
 */
function unknownIn(message: string): readonly string[] {
  const fixed = message
    .replace(/^(?:[a-z]+_[a-z]+|timeout|stalled|build|api|paused): ?/, '')
    .split(values)
    .map((piece) => piece.replaceAll(/^[\s:;,.()%]+|[\s:;,.()?%]+$/g, ''));
  const unknown: string[] = [];
  for (const piece of fixed) {
    for (let rest = piece; rest !== ''; ) {
      let length = rest.length;
      while (length > 0 && !program.includes(rest.slice(0, length))) length -= 1;
      if (length < Math.min(leastLength, rest.length)) {
        unknown.push(rest);
        break;
      }
      rest = rest.slice(length);
    }
  }
  return unknown;
}

describe('the troubleshooting page', () => {
  it('has at least twenty problems, each with what is seen and what to run', () => {
    assert.ok(problems.length >= 20);
    const lacking = problems.filter(
      (problem) =>
        messagesOf(problem).length === 0 || !/`(?:[a-z]+ )*(?:maos|npx|npm|git|export) /.test(problem),
    );
    assert.deepEqual(
      lacking.map((problem) => problem.split('\n')[0]),
      [],
    );
  });

  it('quotes messages as the program has them', () => {
    assert.deepEqual(unknownIn('There is no such message in MAOS at all.').length, 1);
    const wrong = problems
      .flatMap(messagesOf)
      .filter((message) => !ofOthers.includes(message))
      .flatMap((message) => unknownIn(message).map((piece) => `${message}: ${piece}`));
    assert.deepEqual(wrong, []);
  });
});
