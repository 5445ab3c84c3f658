import { useEffect, useRef, useState } from 'preact/hooks';
import { get, type SessionEvent, type Status, sessionPath } from '../api.ts';
import { agentHref } from '../route.ts';
import { type EventLog, noEvents, withNewer, withOlder } from '../store/event-log.ts';
import { eventText } from '../store/event-text.ts';
import { listen } from '../store/stream.ts';
import { memo } from './memo.ts';
import { Empty, Loading, Problem, Time } from './parts.tsx';
import { VirtualList } from './virtual-list.tsx';

const pageSize = 200;

interface EventPage {
  readonly events: readonly SessionEvent[];
}

/** What happened, newest first; the older is loaded when it is scrolled to. */
export function Events({ status }: { readonly status: Status }) {
  const id = status.session_id;
  const [log, setLog] = useState<EventLog>(noEvents);
  const [error, setError] = useState<string | null>(null);
  const [isLoaded, setLoaded] = useState(false);
  const [filter, setFilter] = useState('');
  const [hasCheckpoints, setHasCheckpoints] = useState(false);
  const isLoading = useRef(false);

  const load = async (query: { readonly before?: number; readonly after?: number }): Promise<void> => {
    if (isLoading.current) return;
    isLoading.current = true;
    try {
      const { events } = await get<EventPage>(sessionPath(id, 'events'), { ...query, limit: pageSize });
      setLog((before) => {
        if (query.before !== undefined) return withOlder(before, events);
        // Too many have been missed: what is between is loaded when it is scrolled to.
        const overlaps = events.some(({ seq }) => seq <= (before.events[0]?.seq ?? 0) + 1);
        return overlaps && before.events.length > 0 ? withNewer(before, events) : withOlder(noEvents, events);
      });
      setError(null);
      setLoaded(true);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
    } finally {
      isLoading.current = false;
    }
  };
  useEffect(() => {
    void load({});
    return listen({
      events: (batch) => {
        const own = batch.filter((event) => event.session_id === id);
        if (own.length > 0)
          setLog((before) => (before.events.length === 0 ? before : withNewer(before, own)));
      },
      snapshot: () => void load({}),
    });
  }, [id]);

  const names = new Map(status.agents.map((agent) => [agent.agent_id as string, agent.name]));
  const nameOf = (event: SessionEvent): string | null =>
    event.agent_id === null ? null : (names.get(event.agent_id) ?? event.agent_id);
  const wanted = filter.trim().toLowerCase();
  const shown = log.events.filter(
    (event) =>
      (hasCheckpoints || event.type !== 'checkpoint.written') &&
      `${event.type} ${nameOf(event) ?? ''} ${eventText(event)}`.toLowerCase().includes(wanted),
  );
  const older = (): void => {
    const last = log.events.at(-1);
    if (last !== undefined && !log.isComplete && wanted === '') void load({ before: last.seq });
  };
  if (error !== null && log.events.length === 0)
    return <Problem text={error} onRetry={() => void load({})} />;
  if (!isLoaded) return <Loading what="events" />;
  return (
    <div class="events">
      <search class="filters">
        <input
          type="search"
          aria-label="Filter the loaded events"
          placeholder="Filter the loaded events"
          value={filter}
          onInput={(event) => setFilter(event.currentTarget.value)}
        />
        <label>
          <input
            type="checkbox"
            checked={hasCheckpoints}
            onChange={(event) => setHasCheckpoints(event.currentTarget.checked)}
          />
          Checkpoints
        </label>
        <span class="muted number">
          {log.events.length.toLocaleString()} of{' '}
          {(status.last_seq ?? log.events[0]?.seq ?? 0).toLocaleString()} loaded
        </span>
      </search>
      {shown.length === 0 ? (
        <Empty title={wanted === '' ? 'Nothing has happened yet' : 'No loaded event matches'} />
      ) : (
        <VirtualList
          label="Events, newest first"
          items={shown}
          rowHeight={28}
          keyOf={({ seq }) => seq}
          onEnd={older}
        >
          {(event) => <EventRow {...{ event, id }} name={nameOf(event)} />}
        </VirtualList>
      )}
    </div>
  );
}

interface EventRowProps {
  readonly event: SessionEvent;
  readonly id: string;
  readonly name: string | null;
}

const EventRow = memo(({ event, id, name }: EventRowProps) => {
  return (
    <div class="event">
      <Time at={event.at} format="clock" />
      {name === null ? (
        <span class="event-agent muted">session</span>
      ) : (
        <a class="event-agent" href={agentHref(id, name)}>
          <bdi>{name}</bdi>
        </a>
      )}
      <span class={`event-text ${toneOfEvent(event.type)}`} title={event.type} dir="auto">
        {eventText(event)}
      </span>
    </div>
  );
});

function toneOfEvent(type: string): string {
  if (/\.(failed|dead|landing_failed|stalled|degraded)$/.test(type)) return 'tone-failed';
  if (/\.(completed|passed|moved)$/.test(type)) return 'tone-completed';
  if (/^request\.opened|\.(conflict|warned|unreachable|permission_denied)$/.test(type))
    return 'tone-awaiting';
  return '';
}
