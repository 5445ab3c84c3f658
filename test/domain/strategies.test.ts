import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Strategy, strategies } from '../../src/domain/session.ts';
import { dependenciesUnder, findCycle, levelsOf, type PlanNode } from '../../src/domain/strategies.ts';
import { fc } from '../helpers/properties.ts';

type Graph = readonly (readonly number[])[];

/** Nodes from `[stage, ...dependsOn]`. */
function nodes(...given: readonly (readonly number[])[]): readonly PlanNode[] {
  return given.map(([stage = 0, ...dependsOn], index) => ({ index, name: `n${index}`, stage, dependsOn }));
}

/** Any graph, cycles and self-dependencies included. */
const anyGraph: fc.Arbitrary<Graph> = fc.integer({ min: 0, max: 9 }).chain((count) =>
  fc.array(fc.uniqueArray(fc.nat({ max: Math.max(0, count - 1) }), { maxLength: 3 }), {
    minLength: count,
    maxLength: count,
  }),
);

/** Graphs whose edges all follow one hidden order, different from that of the indexes. */
const anyDag: fc.Arbitrary<Graph> = fc.integer({ min: 1, max: 25 }).chain((count) => {
  const order = fc.shuffledSubarray(
    Array.from({ length: count }, (_, index) => index),
    { minLength: count },
  );
  const pairs = fc.array(fc.tuple(fc.nat({ max: count - 1 }), fc.nat({ max: count - 1 })), {
    maxLength: 3 * count,
  });
  return fc.tuple(order, pairs).map(([rank, chosen]) => {
    const graph = rank.map(() => new Set<number>());
    for (const [a, b] of chosen) {
      const [upstream, downstream] = (rank[a] as number) < (rank[b] as number) ? [a, b] : [b, a];
      if (upstream !== downstream) graph[downstream]?.add(upstream);
    }
    return graph.map((upstreams) => [...upstreams]);
  });
});

/** Whether a node reaches itself, found by following edges as many times as there are nodes. */
function hasCycle(graph: Graph): boolean {
  const reached = graph.map((upstreams) => new Set(upstreams));
  for (let round = 0; round < graph.length; round++) {
    for (const upstreams of reached) {
      for (const upstream of [...upstreams])
        for (const further of reached[upstream] ?? []) upstreams.add(further);
    }
  }
  return reached.some((upstreams, node) => upstreams.has(node));
}

/** The length of the longest path upwards, by its definition. */
function depth(graph: Graph, node: number, known = new Map<number, number>()): number {
  const before = known.get(node);
  if (before !== undefined) return before;
  const level = Math.max(0, ...(graph[node] ?? []).map((upstream) => depth(graph, upstream, known) + 1));
  known.set(node, level);
  return level;
}

describe('parallel', () => {
  it("has the caller's edges only, sorted and each once", () => {
    assert.deepEqual(dependenciesUnder('parallel', nodes([0], [1], [2])), [[], [], []]);
    assert.deepEqual(dependenciesUnder('parallel', nodes([5, 2, 1], [1], [0, 1, 1])), [[1, 2], [], [1]]);
  });
});

describe('sequential', () => {
  it('is a chain in the order of the list', () => {
    assert.deepEqual(dependenciesUnder('sequential', nodes([0])), [[]]);
    assert.deepEqual(dependenciesUnder('sequential', nodes([0], [0], [0], [0])), [[], [0], [1], [2]]);
  });

  it("adds the caller's edges", () => {
    assert.deepEqual(dependenciesUnder('sequential', nodes([0], [0, 0], [0, 0])), [[], [0], [0, 1]]);
  });

  it('is a chain for any acyclic forward edges', () => {
    const forward = fc.array(fc.array(fc.nat()), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(forward, (wishes) => {
        const given = wishes.map((row, index) => [
          0,
          ...(index === 0 ? [] : row.map((wish) => wish % index)),
        ]);
        const graph = dependenciesUnder('sequential', nodes(...given));
        for (let index = 1; index < graph.length; index++) assert.ok(graph[index]?.includes(index - 1));
        assert.equal(findCycle(graph), null);
        assert.deepEqual(levelsOf(graph), [...given.keys()]);
      }),
    );
  });
});

describe('pipeline', () => {
  it('makes a stage depend on all of the stage before', () => {
    assert.deepEqual(dependenciesUnder('pipeline', nodes([0], [0], [1], [1])), [[], [], [0, 1], [0, 1]]);
  });

  it('orders stages by number, whatever the order of the list and the gaps between numbers', () => {
    assert.deepEqual(dependenciesUnder('pipeline', nodes([30], [-1], [7], [30])), [[2], [], [1], [2]]);
  });

  it('is parallel where all agents share a stage', () => {
    assert.deepEqual(dependenciesUnder('pipeline', nodes([4], [4], [4])), [[], [], []]);
  });

  it("adds the caller's edges, those within a stage included", () => {
    assert.deepEqual(dependenciesUnder('pipeline', nodes([0], [1], [1, 1], [2, 0])), [
      [],
      [0],
      [0, 1],
      [0, 1, 2],
    ]);
  });

  it('makes every agent depend on exactly the previous stage, for any stages', () => {
    const stages = fc.array(fc.integer({ min: -3, max: 5 }), { minLength: 1, maxLength: 25 });
    fc.assert(
      fc.property(stages, (given) => {
        const graph = dependenciesUnder('pipeline', nodes(...given.map((stage) => [stage])));
        given.forEach((stage, index) => {
          const earlier = given.filter((other) => other < stage);
          const previous = Math.max(...earlier);
          const expected = [...given.keys()].filter(
            (other) => earlier.length > 0 && given[other] === previous,
          );
          assert.deepEqual(graph[index], expected);
        });
        const distinct = [...new Set(given)].sort((a, b) => a - b);
        assert.deepEqual(
          levelsOf(graph),
          given.map((stage) => distinct.indexOf(stage)),
        );
      }),
    );
  });
});

describe('every strategy', () => {
  it("honours every edge of the caller's", () => {
    fc.assert(
      fc.property(anyGraph, fc.constantFrom<Strategy>(...strategies), (graph, strategy) => {
        const given = nodes(...graph.map((upstreams, index) => [index, ...upstreams]));
        const dependencies = dependenciesUnder(strategy, given);
        assert.equal(dependencies.length, graph.length);
        graph.forEach((upstreams, index) => {
          for (const upstream of upstreams) assert.ok(dependencies[index]?.includes(upstream));
        });
      }),
    );
  });
});

describe('findCycle', () => {
  it('finds none where there is none', () => {
    assert.equal(findCycle([]), null);
    assert.equal(findCycle([[]]), null);
    assert.equal(findCycle([[], [0], [0], [1, 2]]), null);
  });

  it('gives the cycle in order, with the first node repeated at its end', () => {
    assert.deepEqual(findCycle([[0]]), [0, 0]);
    assert.deepEqual(findCycle([[1], [0]]), [0, 1, 0]);
    assert.deepEqual(findCycle([[], [0, 3], [1], [2]]), [1, 3, 2, 1]);
  });

  it('leaves out the way that leads to it', () => {
    assert.deepEqual(findCycle([[1], [2], [3], [2]]), [2, 3, 2]);
  });

  it('finds a cycle exactly where a naive check does, and it is one', () => {
    let cyclic = 0;
    fc.assert(
      fc.property(anyGraph, (graph) => {
        const cycle = findCycle(graph);
        assert.equal(cycle !== null, hasCycle(graph));
        if (cycle === null) return;
        cyclic += 1;
        assert.ok(cycle.length >= 2);
        assert.equal(cycle[0], cycle.at(-1));
        assert.equal(new Set(cycle).size, cycle.length - 1);
        for (let i = 1; i < cycle.length; i++) {
          assert.ok(
            graph[cycle[i - 1] as number]?.includes(cycle[i] as number),
            `no edge in ${cycle.join(' ')}`,
          );
        }
      }),
      { numRuns: 500 },
    );
    assert.ok(cyclic > 50 && cyclic < 450, `${cyclic} of 500 graphs had a cycle`);
  });

  it('passes over graphs built without one', () => {
    fc.assert(fc.property(anyDag, (graph) => assert.equal(findCycle(graph), null)));
  });

  it('does not overflow the stack or take long on the longest chain and the widest fan', () => {
    const chain = Array.from({ length: 500 }, (_, index) => (index === 0 ? [] : [index - 1]));
    assert.equal(findCycle(chain), null);
    assert.equal(findCycle([[499], ...chain.slice(1)])?.length, 501);
    const all = Array.from({ length: 500 }, (_, index) =>
      Array.from({ length: index }, (_, upstream) => upstream),
    );
    assert.equal(findCycle(all), null);
    assert.deepEqual(levelsOf(all), [...all.keys()]);
  });
});

describe('levelsOf', () => {
  it('is the longest way from the top', () => {
    assert.deepEqual(levelsOf([]), []);
    assert.deepEqual(levelsOf([[], [], []]), [0, 0, 0]);
    assert.deepEqual(levelsOf([[], [0], [0], [1, 2], [0, 3]]), [0, 1, 1, 2, 3]);
    assert.deepEqual(levelsOf([[1], [2], []]), [2, 1, 0]);
  });

  it('puts every node below all it depends on, no deeper than needed, and leaves no level empty', () => {
    fc.assert(
      fc.property(anyDag, (graph) => {
        const levels = levelsOf(graph);
        graph.forEach((upstreams, node) => {
          for (const upstream of upstreams)
            assert.ok((levels[node] as number) > (levels[upstream] as number));
          assert.equal(levels[node], depth(graph, node));
        });
        assert.equal(new Set(levels).size, Math.max(...levels) + 1);
      }),
    );
  });
});
