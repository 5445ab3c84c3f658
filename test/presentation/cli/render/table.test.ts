import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { renderTable } from '../../../../src/presentation/cli/render/table.ts';
import { plainPaint } from '../../../../src/presentation/cli/shell/terminal.ts';
import { markedPaint } from '../samples.ts';

const wide = { paint: plainPaint, width: Number.POSITIVE_INFINITY };

describe('a table', () => {
  it('aligns columns by what they show', () => {
    const lines = renderTable(
      [{ title: 'NAME' }, { title: 'SIZE', align: 'right' }, { title: 'NOTE' }],
      [
        ['日本', '5', 'first'],
        ['longer', '12345', ''],
      ],
      wide,
    );
    assert.deepEqual(lines, ['NAME     SIZE  NOTE', '日本        5  first', 'longer  12345']);
  });

  it('leaves out columns with nothing in them', () => {
    const lines = renderTable(
      [{ title: 'A' }, { title: 'EMPTY' }, { title: 'B' }],
      [
        ['1', '', '2'],
        ['3', '', '4'],
      ],
      wide,
    );
    assert.deepEqual(lines, ['A  B', '1  2', '3  4']);
  });

  it('cuts the last column at the edge, and never to nothing', () => {
    const rows = [['id', 'a text that is too long for it']];
    const columns = [{ title: 'ID' }, { title: 'TEXT' }];
    assert.deepEqual(renderTable(columns, rows, { paint: plainPaint, width: 20 }), [
      'ID  TEXT',
      'id  a text that is…',
    ]);
    assert.deepEqual(renderTable(columns, rows, { paint: plainPaint, width: 5 })[1], 'id  a text th…');
  });

  it('paints whole cells, padding included', () => {
    const rows = [[{ text: 'x', format: 'red' as const }, 'y']];
    const [, line] = renderTable([{ title: 'NAME' }, { title: 'B' }], rows, { ...wide, paint: markedPaint });
    assert.equal(line, '<red>x   </>  y');
  });
});
