import { Graph, layout } from '@dagrejs/dagre';

export interface PlacedNode {
  readonly name: string;
  /** Of its upper left corner. */
  readonly x: number;
  readonly y: number;
}

export interface PlacedEdge {
  readonly from: string;
  readonly to: string;
  /** Data of an SVG path. */
  readonly path: string;
}

export interface Placed {
  readonly nodes: readonly PlacedNode[];
  readonly edges: readonly PlacedEdge[];
  readonly width: number;
  readonly height: number;
}

export const nodeWidth = 188;
export const nodeHeight = 54;
const gap = 18;
const margin = 12;

interface Planned {
  readonly name: string;
  readonly depends_on: readonly string[];
}

/**
 * Places the agents of a plan in the order of their dependencies. Those without any stand together in a block below.
 * @param isNarrow from top to bottom instead of from left to right
 */
export function placeGraph(agents: readonly Planned[], isNarrow = false): Placed {
  const names = new Set(agents.map(({ name }) => name));
  const known = agents.map(({ name, depends_on }) => ({
    name,
    depends_on: depends_on.filter((up) => names.has(up)),
  }));
  const followed = new Set(known.flatMap(({ depends_on }) => depends_on));
  const isAlone = ({ name, depends_on }: Planned): boolean => depends_on.length === 0 && !followed.has(name);
  const linked = known.filter((agent) => !isAlone(agent));
  const graph = placeLinked(linked, isNarrow);
  const block = placeBlock(
    known.filter(isAlone).map(({ name }) => name),
    linked.length === 0 ? 0 : graph.height + gap,
    isNarrow ? 2 * (nodeWidth + gap) : graph.width,
  );
  return {
    nodes: [...graph.nodes, ...block.nodes],
    edges: graph.edges,
    width: Math.max(graph.width, block.width),
    height: Math.max(graph.height, block.height),
  };
}

function placeLinked(agents: readonly Planned[], isNarrow: boolean): Placed {
  if (agents.length === 0) return { nodes: [], edges: [], width: 0, height: 0 };
  const graph = new Graph();
  graph.setGraph({
    rankdir: isNarrow ? 'TB' : 'LR',
    nodesep: gap,
    ranksep: isNarrow ? 34 : 52,
    marginx: margin,
    marginy: margin,
  });
  graph.setDefaultEdgeLabel(() => ({}));
  for (const { name } of agents) graph.setNode(name, { width: nodeWidth, height: nodeHeight });
  for (const { name, depends_on } of agents) for (const up of depends_on) graph.setEdge(up, name);
  layout(graph);
  const label = graph.graph() as { width?: number; height?: number };
  const nodes = agents.map(({ name }) => {
    const { x = 0, y = 0 } = graph.node(name) as Partial<Point>;
    return { name, x: Math.round(x - nodeWidth / 2), y: Math.round(y - nodeHeight / 2) };
  });
  const byName = new Map(nodes.map((node) => [node.name, node]));
  const edges = agents.flatMap(({ name, depends_on }) =>
    depends_on.map((from) => {
      const { points = [] } = graph.edge(from, name) as { points?: readonly Point[] };
      const [start, end] = [sideOf(byName.get(from), isNarrow, 1), sideOf(byName.get(name), isNarrow, 0)];
      // Those of dagre at the ends are anywhere on the border of the nodes.
      return {
        from,
        to: name,
        path: curve([start, ...(points.length > 3 ? points.slice(1, -1) : []), end], isNarrow),
      };
    }),
  );
  return { nodes, edges, width: Math.ceil(label.width ?? 0), height: Math.ceil(label.height ?? 0) };
}

/** The middle of the side where edges end (0) or begin (1). */
function sideOf(node: PlacedNode | undefined, isNarrow: boolean, at: 0 | 1): Point {
  const [x, y] = isNarrow ? [0.5, at] : [at, 0.5];
  return { x: (node?.x ?? 0) + x * nodeWidth, y: (node?.y ?? 0) + y * nodeHeight };
}

interface Point {
  readonly x: number;
  readonly y: number;
}

/** Through the points, leaving and arriving in the direction of the graph. */
function curve(points: readonly Point[], isNarrow: boolean): string {
  const [first, ...rest] = points;
  if (first === undefined) return '';
  let from = first;
  const parts = [`M${round(first.x)} ${round(first.y)}`];
  for (const to of rest) {
    const [x, y] = [round((from.x + to.x) / 2), round((from.y + to.y) / 2)];
    const bend = isNarrow
      ? `${round(from.x)} ${y} ${round(to.x)} ${y}`
      : `${x} ${round(from.y)} ${x} ${round(to.y)}`;
    parts.push(`C${bend} ${round(to.x)} ${round(to.y)}`);
    from = to;
  }
  return parts.join('');
}

const round = (value: number): number => Math.round(value * 10) / 10;

/** In rows, as wide as the graph above, or about twice as wide as high. */
function placeBlock(names: readonly string[], top: number, width: number) {
  if (names.length === 0) return { nodes: [], width: 0, height: 0 };
  const [stepX, stepY] = [nodeWidth + gap, nodeHeight + gap];
  const balanced = Math.ceil(Math.sqrt((names.length * 2 * stepY) / stepX));
  const columns = Math.min(names.length, Math.max(balanced, Math.floor(width / stepX), 1));
  const nodes = names.map((name, index) => ({
    name,
    x: margin + (index % columns) * stepX,
    y: top + margin + Math.floor(index / columns) * stepY,
  }));
  const rows = Math.ceil(names.length / columns);
  return { nodes, width: 2 * margin + columns * stepX - gap, height: top + 2 * margin + rows * stepY - gap };
}
