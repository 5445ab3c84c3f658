import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { readDiff } from '../../../src/presentation/page/text/diff.ts';

describe('a diff', () => {
  it('is read file by file, with the numbers of its lines', () => {
    const files = readDiff(
      [
        'diff --git a/src/a b.ts b/src/a b.ts',
        'index 1..2 100644',
        '--- a/src/a b.ts',
        '+++ b/src/a b.ts',
        '@@ -1,3 +1,3 @@ function',
        ' same',
        '-- old',
        '++ new',
        ' end',
        '\\ No newline at end of file',
        'diff --git a/gone b/gone',
        'deleted file mode 100644',
        '--- a/gone',
        '+++ /dev/null',
        '@@ -1 +0,0 @@',
        '-x',
        'diff --git a/logo.png b/logo.png',
        'Binary files a/logo.png and b/logo.png differ',
        '',
      ].join('\n'),
    );
    assert.deepEqual(
      files.map(({ name, added, removed }) => [name, added, removed]),
      [
        ['src/a b.ts', 1, 1],
        ['gone', 0, 1],
        ['logo.png', 0, 0],
      ],
    );
    assert.deepEqual(
      files[0]?.lines.map(({ kind, text, oldLine, newLine }) => [kind, text, oldLine, newLine]),
      [
        ['hunk', '@@ -1,3 +1,3 @@ function', null, null],
        ['same', 'same', 1, 1],
        ['remove', '- old', 2, null],
        ['add', '+ new', null, 2],
        ['same', 'end', 3, 3],
        ['note', 'No newline at end of file', null, null],
      ],
    );
    assert.deepEqual(readDiff(''), []);
  });
});
