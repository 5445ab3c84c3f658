import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type GraphNode,
  mermaidGraph,
  reduced,
  textGraph,
} from '../../../../src/presentation/cli/render/plan-graph.ts';

/** Agents by name, with the names of those that each waits for. */
function graph(edges: Readonly<Record<string, readonly string[]>>): readonly GraphNode[] {
  const names = Object.keys(edges);
  const phases = new Map<string, number>();
  const phaseOf = (name: string): number => {
    const known = phases.get(name) ?? Math.max(-1, ...(edges[name] ?? []).map(phaseOf)) + 1;
    phases.set(name, known);
    return known;
  };
  return names.map((name) => ({
    ...{ name, role: name, phase: phaseOf(name) },
    dependsOn: (edges[name] ?? []).map((upstream) => names.indexOf(upstream)),
  }));
}

const team = {
  plan: [],
  api: ['plan'],
  page: ['plan'],
  docs: ['plan'],
  merge: ['api', 'page'],
  release: ['merge', 'docs', 'plan'],
};

describe('the graph of a plan as text', () => {
  it('has a line for each agent, joined with those that it waits for', () => {
    assert.deepEqual(textGraph(graph(team), 80), [
      '●        plan',
      '├─●      api',
      '├─│─●    page',
      '╰─│─│─●  docs',
      '●─┴─╯ │  merge',
      '╰─●───╯  release',
    ]);
  });

  it('stays narrow for a chain, and for agents that wait for nobody', () => {
    assert.deepEqual(textGraph(graph({ a: [], b: ['a'], c: ['b'], d: ['c'] }), 80), [
      '●    a',
      '╰─●  b',
      '●─╯  c',
      '╰─●  d',
    ]);
    assert.deepEqual(textGraph(graph({ a: [], b: [] }), 80), ['●  a', '●  b']);
  });

  it('names roles, and keeps to the width', () => {
    const [line] = textGraph([{ name: 'a', role: 'backend_engineer', phase: 0, dependsOn: [] }], 80);
    assert.equal(line, '●  a (backend_engineer)');
    const [cut] = textGraph([{ name: 'a'.repeat(60), role: 'b'.repeat(60), phase: 0, dependsOn: [] }], 40);
    assert.equal(cut?.length, 40);
  });

  it('gives names where the lines would take too much room', () => {
    const many = Array.from({ length: 30 }, (_, index) => `n${index}`);
    const lines = textGraph(graph({ ...Object.fromEntries(many.map((name) => [name, []])), last: many }), 80);
    assert.equal(lines[0], '● n0');
    assert.equal(lines.at(-1), '● last after n0, n1, n2 and 27 more');
  });

  it('fits into 80 columns whatever the plan, and has each agent once', () => {
    const anyGraph = fc
      .array(fc.array(fc.nat(), { maxLength: 4 }), { minLength: 1, maxLength: 60 })
      .map((lists) =>
        graph(
          Object.fromEntries(
            lists.map((picks, index) => [
              `a${index}`,
              index === 0 ? [] : [...new Set(picks.map((pick) => `a${pick % index}`))],
            ]),
          ),
        ),
      );
    fc.assert(
      fc.property(anyGraph, (nodes) => {
        const lines = textGraph(nodes, 80);
        assert.equal(lines.length, nodes.length);
        for (const line of lines) {
          assert.ok([...line].length <= 80, line);
          assert.equal(line.split('●').length, 2, line);
        }
      }),
    );
  });
});

describe('the graph of a plan in Mermaid', () => {
  it('has agents and what they wait for', () => {
    assert.deepEqual(
      mermaidGraph([...graph({ a: [] }), { name: 'b', role: 'qa', phase: 1, dependsOn: [0] }]),
      ['flowchart TD', '  n0["a"]', '  n1["b<br/>qa"]', '  n0 --> n1'],
    );
  });
});

describe('what follows from other dependencies', () => {
  it('is left out', () => {
    const small = reduced(graph({ ...team, check: Object.keys(team) }));
    assert.deepEqual(small.at(-1)?.dependsOn, [5]);
    assert.deepEqual(small.at(-2)?.dependsOn, [4, 3]);
  });
});
