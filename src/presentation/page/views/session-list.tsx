import { useEffect, useRef, useState } from 'preact/hooks';
import type { Session } from '../api.ts';
import { sessionHref } from '../route.ts';
import {
  filter,
  isNarrow,
  labelOf,
  loadMoreSessions,
  nextSessions,
  openId,
  openRequests,
  overview,
  route,
  sessions,
  setFilter,
} from '../store/store.ts';
import { plain } from '../text/clean.ts';
import { Empty, Loading, Problem, Progress, StateIcon, Time, toneOf } from './parts.tsx';

/** Every session of this machine, newest first, with search and filters. */
export function SessionList() {
  const { value, error } = sessions.value;
  const isMain = isNarrow.value && route.value.view === 'sessions';
  return (
    <section class="sessions" aria-label="Sessions" role={isMain ? 'main' : undefined} tabIndex={-1}>
      {route.value.view === 'sessions' && <h1 class="visually-hidden">Sessions</h1>}
      <Filters />
      {error !== null && <Problem text={error} />}
      {value === null && error === null && <Loading what="sessions" />}
      {value?.length === 0 && <NoSessions />}
      <ul class="session-list">
        {value?.map((session) => (
          <Row key={session.session_id} session={session} />
        ))}
      </ul>
      {value !== null && nextSessions.value !== null && <More />}
    </section>
  );
}

const states = ['running', 'paused', 'completed', 'failed', 'cancelled', 'created'];

function Filters() {
  const [text, setText] = useState(filter.value.text);
  const timer = useRef<ReturnType<typeof setTimeout> | undefined>(undefined);
  useEffect(() => () => clearTimeout(timer.current), []);
  const search = (event: Event & { readonly currentTarget: HTMLInputElement }): void => {
    const { value } = event.currentTarget;
    setText(value);
    clearTimeout(timer.current);
    timer.current = setTimeout(() => setFilter({ text: value.trim() }), 200);
  };
  const projects = overview.value?.projects ?? [];
  return (
    <search class="filters">
      <input type="search" aria-label="Search sessions" placeholder="Search" value={text} onInput={search} />
      <select
        aria-label="State"
        value={filter.value.state}
        onChange={(event) => setFilter({ state: event.currentTarget.value })}
      >
        <option value="">Any state</option>
        {states.map((state) => (
          <option value={state}>{state}</option>
        ))}
      </select>
      {projects.length > 1 && (
        <select
          aria-label="Project"
          value={filter.value.project}
          onChange={(event) => setFilter({ project: event.currentTarget.value })}
        >
          <option value="">All projects</option>
          {projects.map(({ path, label }) => (
            <option value={path}>{plain(label)}</option>
          ))}
        </select>
      )}
    </search>
  );
}

function NoSessions() {
  const { text, state, project } = filter.value;
  if (text !== '' || state !== '' || project !== '')
    return (
      <Empty title="No session matches">
        <button type="button" onClick={() => setFilter({ text: '', state: '', project: '' })}>
          Show all
        </button>
      </Empty>
    );
  return (
    <Empty title="No sessions yet">
      <p>
        <a href="#/new">Start a team</a>, or run <code>maos demo</code> in a terminal.
      </p>
    </Empty>
  );
}

function Row({ session }: { readonly session: Session }) {
  const { session_id: id, state, objective, project, created_at } = session;
  const asks = openRequests.value.value?.filter((request) => request.session_id === id).length ?? 0;
  const tone = asks > 0 && state === 'running' ? 'awaiting' : toneOf(state);
  return (
    <li>
      <a class="session-row" href={sessionHref(id)} aria-current={openId.value === id ? 'page' : undefined}>
        <StateIcon tone={tone} />
        <span class="session-objective" dir="auto">
          {plain(objective).replaceAll(/\s+/g, ' ')}
        </span>
        <span class="session-facts">
          <span class={`state-word tone-${tone}`}>{asks > 0 ? 'asks you' : state}</span>
          {project !== undefined && <bdi class="session-project">{labelOf(project)}</bdi>}
          <Time at={created_at} />
        </span>
        <Progress progress={session.progress} />
      </a>
    </li>
  );
}

function More() {
  const [state, setState] = useState<'rest' | 'loading' | 'failed'>('rest');
  const load = (): void => {
    setState('loading');
    loadMoreSessions().then(
      () => setState('rest'),
      () => setState('failed'),
    );
  };
  return (
    <button type="button" class="more" disabled={state === 'loading'} onClick={load}>
      {state === 'failed' ? 'Loading failed; try again' : 'Older sessions'}
    </button>
  );
}
