import { useEffect, useState } from 'preact/hooks';
import { formatDuration } from '../../../domain/amounts.ts';
import { get, type SessionEvent, type Status, sessionPath } from '../api.ts';
import { agentHref } from '../route.ts';
import { now } from '../store/store.ts';
import { listen } from '../store/stream.ts';
import { marksOf, type Span, timelineOf } from '../store/timeline.ts';
import { Empty, StateIcon, stateText, toneOf } from './parts.tsx';

/** Newer events than these are enough for the stages of what is going on; older attempts are shown without. */
const [pages, pageSize] = [5, 200];

const isOfTimeline = ({ type }: SessionEvent): boolean =>
  type.startsWith('agent.') && type !== 'agent.progressed';

export function Timeline({ status }: { readonly status: Status }) {
  const { session_id: id, agents, started_at, ended_at, created_at } = status;
  const events = useStageEvents(id);
  if (started_at === null) return <Empty title="The session has not started yet" />;
  const start = Date.parse(created_at);
  const end = ended_at === null ? now.value : Date.parse(ended_at);
  const length = Math.max(1_000, end - start);
  const left = (at: number): number => (100 * Math.max(0, at - start)) / length;
  const marks = marksOf(length, 6);
  return (
    <div class="timeline">
      <ul class="legend">
        {['preparing', 'executing', 'verifying', 'awaiting', 'collecting'].map((stage) => (
          <li>
            <span class={`swatch span-${stage}`} />
            {stageNames[stage]}
          </li>
        ))}
      </ul>
      <div class="timeline-axis" aria-hidden="true">
        {marks.map((mark) => (
          <span style={{ left: `${(100 * mark) / length}%` }}>{mark === 0 ? '0' : formatDuration(mark)}</span>
        ))}
      </div>
      <ul class="timeline-rows">
        {timelineOf(agents, events).map(({ agent, spans }) => (
          <li key={agent.agent_id}>
            <a class="timeline-name" href={agentHref(id, agent.name)}>
              <StateIcon tone={toneOf(agent.state, agent.stage)} />
              <bdi>{agent.name}</bdi>
              <span class="visually-hidden">: {stateText(agent.state, agent.stage)}</span>
            </a>
            <div class="timeline-track">
              {spans.map((span, index) => {
                const to = span.to ?? end;
                return (
                  <span
                    key={`${index} ${span.from}`}
                    class={`span span-${span.kind}`}
                    style={{
                      left: `${left(span.from)}%`,
                      width: `${Math.max(0.15, left(to) - left(span.from))}%`,
                    }}
                    title={spanText(span, to)}
                  />
                );
              })}
            </div>
            <ul class="visually-hidden">
              {spans.map((span) => (
                <li>{spanText(span, span.to ?? end)}</li>
              ))}
            </ul>
          </li>
        ))}
      </ul>
    </div>
  );
}

const stageNames: Readonly<Record<string, string>> = {
  preparing: 'preparing',
  executing: 'running',
  verifying: 'checking',
  awaiting: 'waiting for an answer',
  collecting: 'collecting',
};

function spanText({ kind, from, attempt }: Span, to: number): string {
  return `${stageNames[kind] ?? kind} for ${formatDuration(to - from)}${attempt > 1 ? `, attempt ${attempt}` : ''}`;
}

function useStageEvents(id: string): readonly SessionEvent[] {
  const [events, setEvents] = useState<readonly SessionEvent[]>([]);
  useEffect(() => {
    const ending = new AbortController();
    const load = async (): Promise<void> => {
      let before: number | undefined;
      for (let page = 0; page < pages; page += 1) {
        const found = await get<{ events: readonly SessionEvent[] }>(
          sessionPath(id, 'events'),
          { before, limit: pageSize },
          ending.signal,
        );
        const added = found.events.filter(isOfTimeline);
        setEvents((known) => merged(known, added));
        before = found.events.at(-1)?.seq;
        if (before === undefined || before === 1) return;
      }
    };
    // Without them, the timeline shows the last attempts.
    load().catch(() => {});
    const stop = listen({
      events: (batch) => {
        const own = batch.filter((event) => event.session_id === id && isOfTimeline(event));
        if (own.length > 0) setEvents((known) => merged(known, own));
      },
    });
    return () => {
      ending.abort();
      stop();
    };
  }, [id]);
  return events;
}

function merged(known: readonly SessionEvent[], added: readonly SessionEvent[]): readonly SessionEvent[] {
  const seqs = new Set(known.map(({ seq }) => seq));
  return [...known, ...added.filter(({ seq }) => !seqs.has(seq))];
}
