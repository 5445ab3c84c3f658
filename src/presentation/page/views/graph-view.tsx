import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Agent, Status } from '../api.ts';
import { nodeHeight, nodeWidth, type Placed, placeGraph } from '../graph/layout.ts';
import { agentHref } from '../route.ts';
import { isNarrow } from '../store/store.ts';
import { memo } from './memo.ts';
import { Elapsed, Empty, stateText, toneOf } from './parts.tsx';

interface View {
  readonly x: number;
  readonly y: number;
  readonly scale: number;
}

const [minScale, maxScale] = [0.15, 2];

/** The plan as a graph. Each agent is a link; arrow keys go to the next one in that direction. */
export function GraphView({
  status,
  selected,
}: {
  readonly status: Status;
  readonly selected?: string | undefined;
}) {
  const { session_id: id, agents } = status;
  const shape = agents.map(({ name, depends_on }) => `${name}<${depends_on.join()}`).join('|');
  const narrow = isNarrow.value;
  const placed = useMemo(() => placeGraph(agents, narrow), [shape, narrow]);
  const box = useRef<HTMLDivElement>(null);
  const [view, setView] = useState<View | null>(null);
  const byName = useMemo(() => new Map(agents.map((agent) => [agent.name, agent])), [agents]);

  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    setView(null);
    const resized = new ResizeObserver(() => setView((before) => before ?? fitted(placed, element)));
    resized.observe(element);
    // Zooming must keep the page from scrolling, so the listener may not be passive.
    const onWheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const rectangle = element.getBoundingClientRect();
      const at = { x: event.clientX - rectangle.left, y: event.clientY - rectangle.top };
      setView((before) => before && zoomed(before, Math.exp(-event.deltaY / 200), at));
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => {
      resized.disconnect();
      element.removeEventListener('wheel', onWheel);
    };
  }, [placed]);

  if (agents.length === 0) return <Empty title="This session has no agents" />;
  const shown = view ?? { x: 0, y: 0, scale: 1 };
  const zoom = (factor: number) => () => {
    const { clientWidth = 0, clientHeight = 0 } = box.current ?? {};
    setView((before) => before && zoomed(before, factor, { x: clientWidth / 2, y: clientHeight / 2 }));
  };
  const fit = (): void => {
    if (box.current !== null) setView(fitted(placed, box.current));
  };
  return (
    <div class="graph">
      <div class="graph-tools">
        <button type="button" aria-label="Zoom in" onClick={zoom(1.25)}>
          +
        </button>
        <button type="button" aria-label="Zoom out" onClick={zoom(0.8)}>
          −
        </button>
        <button type="button" onClick={fit}>
          Fit
        </button>
      </div>
      <div class="graph-box" ref={box} {...dragging(shown, setView)}>
        <svg
          role="group"
          aria-label="Agents in the order of the plan. Arrow keys go from one to the next."
          onKeyDown={(event) => move(event, placed)}
        >
          <title>Agents in the order of the plan</title>
          <g
            transform={`translate(${shown.x} ${shown.y}) scale(${shown.scale})`}
            class={view === null ? 'hidden' : ''}
          >
            {placed.edges.map(({ from, to, path }) => (
              <path
                key={`${from}>${to}`}
                d={path}
                class={`edge tone-${edgeTone(byName.get(from), byName.get(to))}`}
              />
            ))}
            {placed.nodes.map(({ name, x, y }) => {
              const agent = byName.get(name);
              return agent === undefined ? null : (
                <Node key={name} {...{ agent, x, y, id }} isSelected={name === selected} />
              );
            })}
          </g>
        </svg>
      </div>
    </div>
  );
}

interface NodeProps {
  readonly agent: Agent;
  readonly x: number;
  readonly y: number;
  readonly id: string;
  readonly isSelected: boolean;
}

const Node = memo(({ agent, x, y, id, isSelected }: NodeProps) => {
  const { name, state, stage, role, backend, model, where } = agent;
  const tone = toneOf(state, stage);
  const word = stateText(state, stage);
  const after = agent.depends_on.join(', ');
  return (
    <g transform={`translate(${x} ${y})`}>
      <a
        href={agentHref(id, name)}
        class={`node tone-${tone} ${isSelected ? 'selected' : ''}`}
        aria-current={isSelected ? 'true' : undefined}
        data-name={name}
        draggable={false}
      >
        <rect class="node-box" width={nodeWidth} height={nodeHeight} rx="7" />
        <rect class="node-mark" x="0" y="0" width="4" height={nodeHeight} rx="2" />
        <foreignObject x="4" y="0" width={nodeWidth - 4} height={nodeHeight}>
          <div class="node-text">
            <bdi class="node-name">{name}</bdi>{' '}
            <span class="node-facts">
              <span class="node-state">{word}</span>{' '}
              <span class="node-more">
                {state === 'running' ? (
                  <Elapsed from={agent.started_at} to={null} />
                ) : (
                  (where ?? model ?? (backend === 'command' ? role : backend))
                )}
              </span>
            </span>
            {after !== '' && <span class="visually-hidden"> after {after}</span>}
          </div>
        </foreignObject>
      </a>
    </g>
  );
});

function edgeTone(from: Agent | undefined, to: Agent | undefined): string {
  if (from?.state === 'completed') return to?.state === 'running' ? 'running' : 'completed';
  return 'pending';
}

/** The whole graph; a large one not smaller than can be read, from its beginning. */
function fitted(placed: Placed, element: HTMLElement): View {
  const { clientWidth: width, clientHeight: height } = element;
  const scale = Math.min(1.15, Math.max(0.6, Math.min(width / placed.width, height / placed.height)));
  const centred = (outer: number, inner: number): number => Math.max(0, (outer - inner * scale) / 2);
  return { scale, x: centred(width, placed.width), y: Math.min(centred(height, placed.height), 40) };
}

function zoomed(view: View, factor: number, at: { readonly x: number; readonly y: number }): View {
  const scale = Math.min(maxScale, Math.max(minScale, view.scale * factor));
  const change = scale / view.scale;
  return { scale, x: at.x - (at.x - view.x) * change, y: at.y - (at.y - view.y) * change };
}

/** Moves the graph with the pointer. A press without a move stays a click. */
function dragging(view: View, setView: (view: View) => void) {
  return {
    onPointerDown(event: PointerEvent & { readonly currentTarget: HTMLElement }) {
      if (event.button !== 0) return;
      const box = event.currentTarget;
      const [startX, startY] = [event.clientX, event.clientY];
      let isMoving = false;
      const onMove = (moved: PointerEvent): void => {
        const [byX, byY] = [moved.clientX - startX, moved.clientY - startY];
        if (!isMoving && Math.hypot(byX, byY) < 5) return;
        if (!isMoving) box.setPointerCapture(event.pointerId);
        isMoving = true;
        setView({ ...view, x: view.x + byX, y: view.y + byY });
      };
      const onUp = (): void => {
        box.removeEventListener('pointermove', onMove);
        box.removeEventListener('pointerup', onUp);
        box.removeEventListener('pointercancel', onUp);
      };
      box.addEventListener('pointermove', onMove);
      box.addEventListener('pointerup', onUp);
      box.addEventListener('pointercancel', onUp);
    },
  };
}

const directions: Readonly<Record<string, readonly [x: number, y: number]>> = {
  ArrowRight: [1, 0],
  ArrowLeft: [-1, 0],
  ArrowDown: [0, 1],
  ArrowUp: [0, -1],
};

function move(event: KeyboardEvent & { readonly currentTarget: SVGSVGElement }, placed: Placed): void {
  const direction = directions[event.key];
  const name = document.activeElement?.getAttribute('data-name');
  const from = placed.nodes.find((node) => node.name === name);
  if (direction === undefined || from === undefined) return;
  event.preventDefault();
  const [dx, dy] = direction;
  let [best, nearest]: [string | null, number] = [null, Number.POSITIVE_INFINITY];
  for (const node of placed.nodes) {
    const [x, y] = [node.x - from.x, node.y - from.y];
    const ahead = x * dx + y * dy;
    const beside = Math.abs(x * dy) + Math.abs(y * dx);
    const distance = ahead + 2 * beside;
    if (ahead > 0 && distance < nearest) [best, nearest] = [node.name, distance];
  }
  if (best === null) return;
  const target = event.currentTarget.querySelector<SVGAElement>(`[data-name="${CSS.escape(best)}"]`);
  target?.focus();
}
