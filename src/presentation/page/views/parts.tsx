import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { formatCost, formatCount, formatDuration } from '../../../domain/amounts.ts';
import type { Session } from '../api.ts';
import { now } from '../store/store.ts';
import { clockTime, fullTime, shortTime } from '../text/format.ts';

/** Small parts that several views use. */

const shapes: Readonly<Record<string, string>> = {
  pending: 'M8 3a5 5 0 1 0 0 10A5 5 0 0 0 8 3Z',
  running: 'M5.5 3.5v9l7-4.5z',
  completed: 'M3.5 8.5l3 3 6-7',
  failed: 'M4.5 4.5l7 7m0-7l-7 7',
  cancelled: 'M4 8h8',
  paused: 'M6 4v8M10 4v8',
  awaiting: 'M5.8 6a2.3 2.3 0 1 1 3.4 2c-.8.5-1.2.9-1.2 1.7M8 12.3v.2',
};

/** What a state looks like: its colour and its shape say the same. */
export function toneOf(state: string, stage?: string): string {
  if (state === 'running') return stage === 'awaiting' ? 'awaiting' : 'running';
  if (state === 'resumable') return 'paused';
  if (state === 'created') return 'pending';
  return shapes[state] === undefined ? 'pending' : state;
}

export function StateIcon({ tone }: { readonly tone: string }) {
  return (
    <svg class={`icon tone-${tone}`} viewBox="0 0 16 16" width="16" height="16" aria-hidden="true">
      <path d={shapes[tone]} class={tone === 'running' ? 'filled' : 'drawn'} />
    </svg>
  );
}

const stageWords: Readonly<Record<string, string>> = {
  preparing: 'preparing',
  verifying: 'checking its work',
  awaiting: 'waits for an answer',
  collecting: 'collecting files',
};

export function stateText(state: string, stage?: string): string {
  if (state === 'running' && stage !== undefined) return stageWords[stage] ?? 'running';
  return state === 'resumable' ? 'interrupted' : state;
}

export function State({ state, stage }: { readonly state: string; readonly stage?: string | undefined }) {
  const tone = toneOf(state, stage);
  return (
    <span class={`state tone-${tone}`}>
      <StateIcon tone={tone} />
      {stateText(state, stage)}
    </span>
  );
}

export function Time({ at, format = 'short' }: { readonly at: string; readonly format?: 'short' | 'clock' }) {
  return (
    <time dateTime={at} title={fullTime(at)}>
      {format === 'clock' ? clockTime(at) : shortTime(at, now.value)}
    </time>
  );
}

/** Goes on as long as there is no end. */
export function Elapsed({ from, to }: { readonly from: string | null; readonly to: string | null }) {
  if (from === null) return null;
  const until = to === null ? now.value : Date.parse(to);
  const ms = Math.max(0, until - Date.parse(from));
  return (
    <span class="number">
      {formatDuration(to === null && ms >= 10_000 ? Math.floor(ms / 1000) * 1000 : ms)}
    </span>
  );
}

export function Problem({
  text,
  onRetry,
}: {
  readonly text: string;
  readonly onRetry?: (() => void) | undefined;
}) {
  return (
    <div class="problem" role="alert">
      <p>{text}</p>
      {onRetry !== undefined && (
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      )}
    </div>
  );
}

export function Empty({
  title,
  children,
}: {
  readonly title: string;
  readonly children?: ComponentChildren;
}) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Appears only after a moment, so that quick answers do not flicker. */
export function Loading({ what }: { readonly what: string }) {
  return (
    <p class="loading" role="status">
      Loading {what}…
    </p>
  );
}

/** What has been loaded, or why not. */
export function Shown<T>({
  what,
  loaded,
  children,
}: {
  readonly what: string;
  readonly loaded: { readonly value: T | null; readonly error: string | null; readonly reload?: () => void };
  readonly children: (value: T) => ComponentChildren;
}) {
  return (
    <>
      {loaded.error !== null && <Problem text={loaded.error} onRetry={loaded.reload} />}
      {loaded.value !== null && children(loaded.value)}
      {loaded.value === null && loaded.error === null && <Loading what={what} />}
    </>
  );
}

const budgetNames: Readonly<Record<string, string>> = {
  tokens: 'Tokens',
  cost_usd: 'Cost',
  turns: 'Turns',
  wall_ms: 'Time',
};

function amount(item: string, value: number): string {
  if (item === 'cost_usd') return formatCost(value);
  if (item === 'wall_ms') return formatDuration(value);
  return formatCount(value);
}

export function Budget({ budget }: { readonly budget: Session['budget'] | undefined }) {
  const items = Object.entries(budget ?? {});
  if (items.length === 0) return null;
  return (
    <ul class="budgets" aria-label="Budget">
      {items.map(([item, share]) => {
        const part = share.cap === 0 ? 1 : Math.min(1, share.spent / share.cap);
        const tone = part >= 1 ? 'failed' : part >= 0.8 ? 'awaiting' : 'running';
        const text = `${amount(item, share.spent)} of ${amount(item, share.cap)}`;
        return (
          <li>
            <span class="budget-name">{budgetNames[item] ?? item}</span>
            <meter
              class={`tone-${tone}`}
              min={0}
              max={share.cap}
              value={Math.min(share.spent, share.cap)}
              title={text}
            >
              {text}
            </meter>
            <span class="number">{text}</span>
          </li>
        );
      })}
    </ul>
  );
}

const progressOrder = ['completed', 'running', 'resumable', 'failed', 'cancelled', 'pending'] as const;

export function Progress({ progress }: { readonly progress: Session['progress'] }) {
  const counts = progress as unknown as Readonly<Record<string, number>>;
  const total = counts.total ?? 0;
  const text = progressOrder
    .filter((name) => (counts[name] ?? 0) > 0)
    .map((name) => `${counts[name]} ${name === 'resumable' ? 'interrupted' : name}`)
    .join(', ');
  let x = 0;
  return (
    <span class="progress">
      <svg class="progress-bar" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
        {progressOrder.map((name) => {
          const width = total === 0 ? 0 : (100 * (counts[name] ?? 0)) / total;
          const from = x;
          x += width;
          return width === 0 ? null : (
            <rect class={`tone-${toneOf(name)}`} x={from} y="0" width={width} height="6" />
          );
        })}
      </svg>
      <span class="progress-text">{text}</span>
    </span>
  );
}

export interface Tab {
  readonly name: string;
  readonly title: string;
  readonly href: string;
  readonly count?: number | undefined;
}

/** Tabs are addresses, so they are links. */
export function Tabs({
  label,
  tabs,
  current,
}: {
  readonly label: string;
  readonly tabs: readonly Tab[];
  readonly current: string;
}) {
  const bar = useRef<HTMLElement>(null);
  useEffect(() => {
    const tab = bar.current?.querySelector('[aria-current]');
    tab?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [current]);
  return (
    <nav class="tabs" aria-label={label} ref={bar}>
      {tabs.map(({ name, title, href, count }) => (
        <a href={href} aria-current={name === current ? 'page' : undefined}>
          {title}
          {count !== undefined && count > 0 && <span class="count">{count}</span>}
        </a>
      ))}
    </nav>
  );
}

/** Text of agents: isolated, so that it cannot change the direction of what is around it. */
export function Said({ children }: { readonly children: string }) {
  return <bdi>{children}</bdi>;
}
