import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nodeHeight, nodeWidth, placeGraph } from '../../../src/presentation/page/graph/layout.ts';

function overlapping(placed: ReturnType<typeof placeGraph>): string[] {
  const found: string[] = [];
  for (const a of placed.nodes)
    for (const b of placed.nodes)
      if (a.name < b.name && Math.abs(a.x - b.x) < nodeWidth && Math.abs(a.y - b.y) < nodeHeight)
        found.push(`${a.name} and ${b.name}`);
  return found;
}

describe('the graph of a plan', () => {
  it('stands from left to right in the order of its dependencies', () => {
    const placed = placeGraph([
      { name: 'a', depends_on: [] },
      { name: 'b', depends_on: ['a'] },
      { name: 'c', depends_on: ['a', 'b', 'gone'] },
      { name: 'alone', depends_on: [] },
    ]);
    const x = (name: string): number => placed.nodes.find((node) => node.name === name)?.x ?? Number.NaN;
    assert.ok(x('a') < x('b') && x('b') < x('c'));
    assert.deepEqual(
      placed.edges.map(({ from, to }) => `${from}>${to}`),
      ['a>b', 'a>c', 'b>c'],
    );
    for (const { path } of placed.edges) assert.match(path, /^M[-\d. ]+(C[-\d. ]+)+$/);
    assert.deepEqual(overlapping(placed), []);
  });

  it('of 200 agents without dependencies is a block, not a line', () => {
    const agents = Array.from({ length: 200 }, (_, index) => ({ name: `agent-${index}`, depends_on: [] }));
    const placed = placeGraph(agents);
    assert.equal(placed.nodes.length, 200);
    assert.ok(placed.width < 4 * placed.height && placed.height < 4 * placed.width);
    assert.deepEqual(overlapping(placed), []);
  });

  it('of nothing is empty', () => {
    assert.deepEqual(placeGraph([]), { nodes: [], edges: [], width: 0, height: 0 });
  });
});
