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

  const columns = [
    { title: 'ID', whole: true },
    { title: 'NAME' },
    { title: 'AGE', rank: 1 },
    { title: 'COST', rank: 2 },
    { title: 'TEXT' },
  ];
  const rows = [
    [
      { text: 'sess_01M8FG6ZH83ETNZNW3VZCDBZFY', short: 'CDBZFY' },
      'a_name_of_an_agent',
      '5m ago',
      '$1.00',
      'What it does',
    ],
  ];
  const at = (width: number) => renderTable(columns, rows, { paint: plainPaint, width });

  it('shows short forms where the width is limited, and whole ones where it is not', () => {
    assert.match(at(200)[1] ?? '', /^CDBZFY {2}a_name/);
    assert.match(at(Number.POSITIVE_INFINITY)[1] ?? '', /^sess_01M8FG6ZH83ETNZNW3VZCDBZFY {2}a_name/);
  });

  it('leaves out columns by rank rather than exceed the width, and never cuts an id', () => {
    assert.deepEqual(at(60), [
      'ID      NAME                AGE     COST   TEXT',
      'CDBZFY  a_name_of_an_agent  5m ago  $1.00  What it does',
    ]);
    assert.deepEqual(at(50), [
      'ID      NAME                AGE     TEXT',
      'CDBZFY  a_name_of_an_agent  5m ago  What it does',
    ]);
    assert.deepEqual(at(40), [
      'ID      NAME                TEXT',
      'CDBZFY  a_name_of_an_agent  What it does',
    ]);
    assert.deepEqual(at(34), ['ID      NAME            TEXT', 'CDBZFY  a_name_of_an_…  What it d…']);
    for (let width = 32; width < 80; width += 1) {
      for (const line of at(width)) assert.ok(line.length <= width, `${width}: ${line}`);
    }
  });

  it('paints whole cells, padding included', () => {
    const rows = [[{ text: 'x', format: 'red' as const }, 'y']];
    const [, line] = renderTable([{ title: 'NAME' }, { title: 'B' }], rows, { ...wide, paint: markedPaint });
    assert.equal(line, '<red>x   </>  y');
  });
});
