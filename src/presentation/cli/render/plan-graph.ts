import { truncate } from './text-width.ts';

/** An agent in the graph of a plan. */
export interface GraphNode {
  readonly name: string;
  readonly role: string;
  readonly phase: number;
  /** Indexes of the agents that it waits for. */
  readonly dependsOn: readonly number[];
}

/**
 * The graph without dependencies that follow from others: where c needs b and b needs a, it does not show that c needs
 * a.
 */
export function reduced(nodes: readonly GraphNode[]): readonly GraphNode[] {
  const order = inOrder(nodes);
  const above = nodes.map(() => new Set<number>());
  for (const index of order) {
    for (const upstream of nodeAt(nodes, index).dependsOn) {
      above[index]?.add(upstream);
      for (const further of above[upstream] ?? []) above[index]?.add(further);
    }
  }
  return nodes.map((node) => ({
    ...node,
    dependsOn: node.dependsOn.filter(
      (upstream) => !node.dependsOn.some((other) => other !== upstream && above[other]?.has(upstream)),
    ),
  }));
}

/** For documents that draw Mermaid, as pages of GitHub do. */
export function mermaidGraph(nodes: readonly GraphNode[]): readonly string[] {
  const small = reduced(nodes);
  return [
    'flowchart TD',
    ...small.map(({ name, role }, index) => `  n${index}["${name === role ? name : `${name}<br/>${role}`}"]`),
    ...small.flatMap(({ dependsOn }, index) => dependsOn.map((upstream) => `  n${upstream} --> n${index}`)),
  ];
}

/**
 * One line for each agent, beside lines from those that it waits for. Where that would take more than half of the
 * width, the names of those instead.
 */
export function textGraph(nodes: readonly GraphNode[], width: number): readonly string[] {
  const small = reduced(nodes);
  const order = inOrder(small);
  const rows = drawn(small, order);
  const room = Math.max(0, ...rows.map((row) => row.length));
  const isNarrow = room <= width / 2;
  return order.map((index, at) => {
    const { name, role, dependsOn } = nodeAt(small, index);
    const label = name === role ? name : `${name} (${role})`;
    if (isNarrow) return truncate(`${(rows[at] as string).padEnd(room)}  ${label}`, width);
    const names = dependsOn.map((upstream) => nodeAt(small, upstream).name);
    const shown = names.slice(0, maxNames).join(', ');
    const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : '';
    return truncate(`● ${label}${names.length === 0 ? '' : ` after ${shown}${more}`}`, width);
  });
}

const maxNames = 3;

function nodeAt(nodes: readonly GraphNode[], index: number): GraphNode {
  return nodes[index] as GraphNode;
}

/** Every agent after those that it waits for. */
function inOrder(nodes: readonly GraphNode[]): readonly number[] {
  return [...nodes.keys()].toSorted((a, b) => nodeAt(nodes, a).phase - nodeAt(nodes, b).phase || a - b);
}

/** The row of each agent. An agent has a column from its own row to that of the last one that waits for it. */
function drawn(nodes: readonly GraphNode[], order: readonly number[]): readonly string[] {
  const waiting = nodes.map(() => 0);
  for (const { dependsOn } of nodes)
    for (const upstream of dependsOn) waiting[upstream] = (waiting[upstream] ?? 0) + 1;
  const columns: (number | null)[] = [];
  return order.map((index) => {
    const { dependsOn } = nodeAt(nodes, index);
    const joined = new Set(dependsOn.map((upstream) => columns.indexOf(upstream)));
    const free = columns.indexOf(null);
    const own = free === -1 ? columns.length : free;
    if (free === -1) columns.push(null);
    for (const upstream of dependsOn) waiting[upstream] = (waiting[upstream] ?? 0) - 1;
    const row = rowOf(columns, own, joined, (upstream) => waiting[upstream] === 0);
    for (const column of joined) if (waiting[columns[column] as number] === 0) columns[column] = null;
    columns[own] = waiting[index] === 0 ? null : index;
    return row;
  });
}

function rowOf(
  columns: readonly (number | null)[],
  own: number,
  joined: ReadonlySet<number>,
  isLast: (upstream: number) => boolean,
): string {
  const first = Math.min(own, ...joined);
  const last = Math.max(own, ...joined);
  const cells = columns.map((upstream, column) => {
    const gap = column < last && column >= first ? '─' : ' ';
    if (column === own) return `●${gap}`;
    if (upstream === null) return `${column > first && column < last ? '─' : ' '}${gap}`;
    if (!joined.has(column)) return `│${gap}`;
    const side = column === first ? 'right' : column === last ? 'left' : 'both';
    return `${corners[isLast(upstream) ? 'ends' : 'goes on'][side]}${gap}`;
  });
  return cells.join('').trimEnd();
}

const corners = {
  ends: { right: '╰', left: '╯', both: '┴' },
  'goes on': { right: '├', left: '┤', both: '┼' },
} as const;
