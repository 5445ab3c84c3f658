import type { EventCount, FeedStore, StoreFigures } from '../../../application/ports/feed.ts';
import { agentStates } from '../../../domain/agent.ts';
import { sessionStates } from '../../../domain/session.ts';
import type { Metric, Sample } from './metrics-text.ts';

/** Computed at most this often, because sums over all agents take tens of milliseconds at 10,000 sessions. */
const freshMs = 5_000;

/** How an agent's attempt ended, by event type. */
const endings: Readonly<Record<string, string>> = {
  'agent.completed': 'completed',
  'agent.failed': 'failed',
  'agent.cancelled': 'cancelled',
  'agent.interrupted': 'interrupted',
  'agent.postponed': 'postponed',
};

/**
 * Metrics of the project's store. States, tokens and cost cover the stored sessions and fall when sessions are removed.
 * The counters cover events of any MAOS since this server started, and only grow.
 */
export class StoreMetrics {
  readonly #feed: FeedStore;
  readonly #counts = new Map<string, EventCount>();
  #position: number;
  #figures: StoreFigures | null = null;
  #readAt = 0;

  /** @param since ISO 8601; earlier events are not counted */
  constructor(feed: FeedStore, since: string) {
    this.#feed = feed;
    this.#position = feed.positionBefore(since);
  }

  /** @throws MaosError as the store */
  read(): readonly Metric[] {
    this.#count();
    const figures = this.#freshFigures();
    return [...stateMetrics(figures), ...usageMetrics(figures), ...this.#counters()];
  }

  #count(): void {
    const { position, counts } = this.#feed.countEvents(this.#position);
    this.#position = position;
    for (const each of counts) {
      const key = `${each.type} ${each.kind}`;
      this.#counts.set(key, { ...each, count: each.count + (this.#counts.get(key)?.count ?? 0) });
    }
  }

  #freshFigures(): StoreFigures {
    const now = performance.now();
    if (this.#figures === null || now - this.#readAt >= freshMs) {
      this.#figures = this.#feed.figures();
      this.#readAt = now;
    }
    return this.#figures;
  }

  #counters(): readonly Metric[] {
    const all = [...this.#counts.values()];
    const byType = new Map<string, number>();
    for (const { type, count } of all) byType.set(type, (byType.get(type) ?? 0) + count);
    return [
      {
        name: 'maos_events_total',
        type: 'counter',
        help: 'Events recorded since this server started, by type.',
        samples: [...byType].map(([type, value]) => ({ labels: { type }, value })),
      },
      {
        name: 'maos_agents_started_total',
        type: 'counter',
        help: 'Agents started since this server started; every attempt counts.',
        samples: [{ value: byType.get('agent.started') ?? 0 }],
      },
      {
        name: 'maos_agents_ended_total',
        type: 'counter',
        help: 'Agents that ended since this server started, by outcome and kind of failure.',
        samples: all.flatMap(({ type, kind, count }): Sample[] => {
          const outcome = endings[type];
          return outcome === undefined ? [] : [{ labels: { outcome, kind: kind ?? 'none' }, value: count }];
        }),
      },
    ];
  }
}

function stateMetrics({ sessions, agents }: StoreFigures): readonly Metric[] {
  return [
    {
      name: 'maos_sessions',
      type: 'gauge',
      help: 'Stored sessions of the project, by state.',
      samples: sessionStates.map((state) => ({ labels: { state }, value: sessions.get(state) ?? 0 })),
    },
    {
      name: 'maos_agents',
      type: 'gauge',
      help: 'Agents of the stored sessions, by state.',
      samples: agentStates.map((state) => ({ labels: { state }, value: agents.get(state) ?? 0 })),
    },
  ];
}

function usageMetrics({ usage }: StoreFigures): readonly Metric[] {
  const tokens = {
    input: usage?.inputTokens,
    output: usage?.outputTokens,
    cache_read: usage?.cacheReadTokens,
    cache_write: usage?.cacheWriteTokens,
  };
  return [
    {
      name: 'maos_usage_tokens',
      type: 'gauge',
      help: 'Tokens used by agents of the stored sessions, as reported by their backends.',
      samples: Object.entries(tokens).map(([kind, value]) => ({ labels: { kind }, value: value ?? 0 })),
    },
    {
      name: 'maos_usage_cost_dollars',
      type: 'gauge',
      help: 'Cost in US dollars of agents of the stored sessions, where reported by their backends.',
      // Sums of decimal fractions have rounding errors.
      samples: [{ value: Math.round((usage?.costUsd ?? 0) * 1e9) / 1e9 }],
    },
  ];
}
