import type { Agent, SessionEvent } from '../api.ts';

/** What an agent did for a while, in milliseconds since 1970. */
export interface Span {
  readonly from: number;
  /** Null: it still does. */
  readonly to: number | null;
  /** A stage; or how an attempt ended, of which no stages are known. */
  readonly kind: string;
  readonly attempt: number;
}

export interface TimelineRow {
  readonly agent: Agent;
  readonly spans: readonly Span[];
}

const ends: Readonly<Record<string, string>> = {
  'agent.completed': 'completed',
  'agent.failed': 'failed',
  'agent.cancelled': 'cancelled',
  'agent.interrupted': 'paused',
  'agent.postponed': 'paused',
  'agent.fell_back': 'paused',
};

/** Events that stand for the stage which they begin. */
const stages: Readonly<Record<string, string>> = {
  'agent.started': 'preparing',
  'agent.fix_round': 'preparing',
  'agent.spawned': 'executing',
  'agent.finished': 'verifying',
};

/**
 * When each agent was in which stage. Of agents whose events are not given, only the last attempt is known.
 * @param events of one session, in any order
 */
export function timelineOf(
  agents: readonly Agent[],
  events: readonly SessionEvent[],
): readonly TimelineRow[] {
  const byAgent = new Map<string, SessionEvent[]>();
  for (const event of events.toSorted((a, b) => a.seq - b.seq)) {
    if (event.agent_id === null) continue;
    const own = byAgent.get(event.agent_id) ?? [];
    own.push(event);
    byAgent.set(event.agent_id, own);
  }
  return agents.map((agent) => {
    const spans = spansOf(byAgent.get(agent.agent_id) ?? []);
    return { agent, spans: spans.length > 0 ? spans : lastAttempt(agent) };
  });
}

function spansOf(events: readonly SessionEvent[]): readonly Span[] {
  const spans: { from: number; to: number | null; kind: string; attempt: number }[] = [];
  let attempt = 1;
  const close = (at: number): void => {
    const last = spans.at(-1);
    if (last !== undefined && last.to === null) last.to = at;
  };
  for (const { type, at, data } of events) {
    const time = Date.parse(at);
    const stage = type === 'agent.stage_changed' ? String(data.stage) : (stages[type] ?? null);
    if (type === 'agent.started' || type === 'agent.fix_round') attempt = Number(data.attempt ?? attempt);
    if (stage !== null && (type === 'agent.started' || spans.length > 0)) {
      close(time);
      spans.push({ from: time, to: null, kind: stage, attempt });
    } else if (ends[type] !== undefined) close(time);
  }
  return spans.filter(({ from, to }) => to === null || to > from);
}

function lastAttempt({ state, started_at, ended_at, attempt }: Agent): readonly Span[] {
  if (started_at === null) return [];
  const kind = state === 'running' ? 'executing' : state === 'resumable' ? 'paused' : state;
  return [
    { from: Date.parse(started_at), to: ended_at === null ? null : Date.parse(ended_at), kind, attempt },
  ];
}

/** Round distances between marks, so that there are at most ten. */
const steps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 86_400].map(
  (seconds) => seconds * 1000,
);

/** Marks of an axis that begins at 0, in milliseconds. */
export function marksOf(length: number, most = 10): readonly number[] {
  const step = steps.find((one) => length / one <= most) ?? Math.ceil(length / most);
  return Array.from({ length: Math.floor(length / step) + 1 }, (_, index) => index * step);
}
