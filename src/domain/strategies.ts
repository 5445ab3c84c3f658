import type { Strategy } from './session.ts';

/** The properties of an agent that matter for ordering; `index` is its position in the caller's list. */
export interface PlanNode {
  readonly index: number;
  readonly name: string;
  readonly stage: number;
  readonly dependsOn: readonly number[];
}

/** `downstream` may start only after `upstream` has completed. */
export interface Edge {
  readonly upstream: number;
  readonly downstream: number;
}

type EdgeGenerator = (nodes: readonly PlanNode[]) => Generator<Edge>;

/** The edges from `depends_on`, which every strategy includes. */
function* callerEdges(nodes: readonly PlanNode[]): Generator<Edge> {
  for (const node of nodes) {
    for (const upstream of node.dependsOn) yield { upstream, downstream: node.index };
  }
}

function* sequentialEdges(nodes: readonly PlanNode[]): Generator<Edge> {
  yield* callerEdges(nodes);
  for (let i = 1; i < nodes.length; i++) yield { upstream: i - 1, downstream: i };
}

/** Every agent of a stage depends on every agent of the nearest earlier stage that has any. */
function* pipelineEdges(nodes: readonly PlanNode[]): Generator<Edge> {
  yield* callerEdges(nodes);
  const stages = [...new Set(nodes.map((node) => node.stage))].sort((a, b) => a - b);
  for (const node of nodes) {
    const before = stages[stages.indexOf(node.stage) - 1];
    if (before === undefined) continue;
    for (const upstream of nodes) {
      if (upstream.stage === before) yield { upstream: upstream.index, downstream: node.index };
    }
  }
}

const generators: Readonly<Record<Strategy, EdgeGenerator>> = {
  parallel: callerEdges,
  sequential: sequentialEdges,
  pipeline: pipelineEdges,
};

/** For each node, the sorted, distinct indexes of its dependencies under the strategy. */
export function dependenciesUnder(
  strategy: Strategy,
  nodes: readonly PlanNode[],
): readonly (readonly number[])[] {
  const upstreams = nodes.map(() => new Set<number>());
  for (const edge of generators[strategy](nodes)) upstreams[edge.downstream]?.add(edge.upstream);
  return upstreams.map((set) => [...set].sort((a, b) => a - b));
}

/** The first cycle found, as indexes in order with the first repeated at the end; null for a DAG. */
export function findCycle(dependencies: readonly (readonly number[])[]): readonly number[] | null {
  const done = new Set<number>();
  for (let root = 0; root < dependencies.length; root++) {
    const path: number[] = [];
    const cursors: number[] = [];
    const push = (node: number): void => {
      path.push(node);
      cursors.push(0);
    };
    if (!done.has(root)) push(root);
    while (path.length > 0) {
      const node = path[path.length - 1] as number;
      const cursor = cursors[cursors.length - 1] as number;
      const next = dependencies[node]?.[cursor];
      if (next === undefined) {
        done.add(node);
        path.pop();
        cursors.pop();
        continue;
      }
      cursors[cursors.length - 1] = cursor + 1;
      const seenAt = path.indexOf(next);
      if (seenAt >= 0) return [...path.slice(seenAt), next];
      if (!done.has(next)) push(next);
    }
  }
  return null;
}

/** The phase of each node: the length of its longest chain of dependencies. The input must be acyclic. */
export function levelsOf(dependencies: readonly (readonly number[])[]): readonly number[] {
  const levels = new Array<number>(dependencies.length).fill(-1);
  const waiting = dependencies.map((upstreams) => upstreams.length);
  const downstreams = dependencies.map((): number[] => []);
  dependencies.forEach((upstreams, node) => {
    for (const upstream of upstreams) downstreams[upstream]?.push(node);
  });
  const ready = waiting.flatMap((count, node) => (count === 0 ? [node] : []));
  for (let node = ready.shift(); node !== undefined; node = ready.shift()) {
    levels[node] = Math.max(-1, ...(dependencies[node] ?? []).map((upstream) => levels[upstream] ?? -1)) + 1;
    for (const downstream of downstreams[node] ?? []) {
      waiting[downstream] = (waiting[downstream] ?? 0) - 1;
      if (waiting[downstream] === 0) ready.push(downstream);
    }
  }
  return levels;
}
