import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';

interface VirtualListProps<T> {
  readonly label: string;
  readonly items: readonly T[];
  readonly rowHeight: number;
  readonly keyOf: (item: T) => string | number;
  readonly children: (item: T) => ComponentChildren;
  /** Called when the end is nearly shown. */
  readonly onEnd?: () => void;
}

/**
 * A list of rows of one height, of which only those in view exist. What is in view stays there when rows are added above;
 * at the top, rows move down without a new layout.
 */
export function VirtualList<T>({ label, items, rowHeight, keyOf, children, onEnd }: VirtualListProps<T>) {
  const box = useRef<HTMLDivElement>(null);
  const [[from, to], setRange] = useState<readonly [number, number]>([0, 60]);
  const first = useRef<string | number | null>(null);
  const look = (): void => {
    const element = box.current;
    if (element === null) return;
    const start = Math.max(0, Math.floor(element.scrollTop / rowHeight) - 20);
    const end = Math.ceil((element.scrollTop + element.clientHeight) / rowHeight) + 20;
    setRange((before) => (before[0] === start && before[1] === end ? before : [start, end]));
    if (end >= items.length) onEnd?.();
  };
  useLayoutEffect(() => {
    const element = box.current;
    const top = items[0];
    const key = top === undefined ? null : keyOf(top);
    if (
      element !== null &&
      first.current !== null &&
      first.current !== key &&
      element.scrollTop > rowHeight
    ) {
      const added = items.findIndex((item) => keyOf(item) === first.current);
      if (added > 0) element.scrollTop += added * rowHeight;
    }
    first.current = key;
    look();
  }, [items]);
  useEffect(() => {
    const element = box.current;
    if (element === null) return;
    const resized = new ResizeObserver(look);
    resized.observe(element);
    return () => resized.disconnect();
  }, []);
  const shown = items.slice(from, to);
  return (
    <div class="virtual" ref={box} onScroll={look} tabIndex={0} role="group" aria-label={label}>
      <ul class="virtual-rows" style={{ height: `${items.length * rowHeight}px` }}>
        {shown.map((item, index) => (
          <li
            key={keyOf(item)}
            style={{ transform: `translateY(${(from + index) * rowHeight}px)`, height: `${rowHeight}px` }}
          >
            {children(item)}
          </li>
        ))}
      </ul>
    </div>
  );
}
