import { useEffect } from 'preact/hooks';
import { plural } from '../../../domain/amounts.ts';
import type { Status } from '../api.ts';
import { type SessionTab, sessionHref, sessionTabs } from '../route.ts';
import { detail, labelOf, refreshSession } from '../store/store.ts';
import { plain } from '../text/clean.ts';
import { actionsOf, askAction } from './action-dialog.tsx';
import { AgentTable } from './agent-table.tsx';
import { Events } from './events.tsx';
import { GraphView } from './graph-view.tsx';
import { Landing } from './landing.tsx';
import { Messages } from './messages.tsx';
import { Budget, Elapsed, Loading, Problem, Progress, Said, State, Tabs, Time } from './parts.tsx';
import { Timeline } from './timeline.tsx';
import { UsageView } from './usage.tsx';

const titles: Readonly<Record<SessionTab, string>> = {
  graph: 'Graph',
  agents: 'Agents',
  timeline: 'Timeline',
  events: 'Events',
  messages: 'Messages',
  usage: 'Usage',
  landing: 'Landing',
};

interface SessionPaneProps {
  readonly id: string;
  readonly tab: SessionTab;
  /** The agent that is shown beside it, where there is room. */
  readonly besideAgent?: string;
}

export function SessionPane({ id, tab, besideAgent }: SessionPaneProps) {
  const { value, error } = detail.value;
  useEffect(() => {
    if (value !== null) document.title = `${plain(value.objective).slice(0, 60)} · MAOS`;
    return () => {
      document.title = 'MAOS';
    };
  }, [value?.objective]);
  return (
    <article class="session" aria-label="Session">
      <a class="back" href="#/">
        ‹ Sessions
      </a>
      {error !== null && <Problem text={error} onRetry={refreshSession} />}
      {value === null && error === null && <Loading what="the session" />}
      {value !== null && (
        <>
          <Head status={value} />
          <Tabs
            label="Session"
            current={tab}
            tabs={sessionTabs.map((name) => ({
              name,
              title: titles[name],
              href: sessionHref(id, name),
              count: name === 'agents' ? value.agents.length : undefined,
            }))}
          />
          <div class={`tab-content tab-${tab}`}>
            {tab === 'graph' && <GraphView status={value} selected={besideAgent} />}
            {tab === 'agents' && <AgentTable status={value} />}
            {tab === 'timeline' && <Timeline status={value} />}
            {tab === 'events' && <Events key={id} status={value} />}
            {tab === 'messages' && <Messages id={id} />}
            {tab === 'usage' && <UsageView status={value} />}
            {tab === 'landing' && <Landing status={value} />}
          </div>
        </>
      )}
    </article>
  );
}

function Head({ status }: { readonly status: Status }) {
  const { session_id: id, state, objective, project, started_at, ended_at } = status;
  return (
    <header class="session-head">
      <div class="title-line">
        <h1 dir="auto">{plain(objective)}</h1>
        <Actions status={status} />
      </div>
      <p class="facts">
        <State state={state} />
        {started_at !== null && <Elapsed from={started_at} to={ended_at} />}
        <Time at={status.created_at} />
        {project !== undefined && <bdi title={plain(project)}>{labelOf(project)}</bdi>}
        <code class="id">{id}</code>
        {status.parent_session_id !== undefined && (
          <a href={sessionHref(status.parent_session_id)}>started by an agent of another session</a>
        )}
        {status.landing !== undefined && (
          <a href={sessionHref(status.landing.session_id)}>lands the work of another session</a>
        )}
      </p>
      <Progress progress={status.progress} />
      <Budget budget={status.budget} />
      <Notes status={status} />
    </header>
  );
}

function Actions({ status }: { readonly status: Status }) {
  return (
    <div class="actions">
      {actionsOf(status).map(({ action, title }) => (
        <button
          type="button"
          class={action === 'cancel' ? 'danger' : ''}
          onClick={() => askAction({ action, title, id: status.session_id, agent: null })}
        >
          {title}
        </button>
      ))}
    </div>
  );
}

function Notes({ status }: { readonly status: Status }) {
  const { pause_reason: reason, resume_at: resumeAt, stalled, troubles } = status;
  const waiting = status.agents.filter((agent) => agent.stage === 'awaiting').length;
  return (
    <ul class="notes" aria-live="polite">
      {status.state === 'paused' && reason !== undefined && (
        <li>
          Paused: <Said>{plain(String(reason))}</Said>
          {resumeAt !== null && resumeAt !== undefined && (
            <>
              ; continues at <Time at={resumeAt} />
            </>
          )}
        </li>
      )}
      {stalled !== undefined && <li class="tone-failed">Stalled: {plain(JSON.stringify(stalled))}</li>}
      {troubles?.map((trouble) => (
        <li class="tone-awaiting">
          {plain(typeof trouble === 'string' ? trouble : JSON.stringify(trouble))}
        </li>
      ))}
      {waiting > 0 && (
        <li class="tone-awaiting">
          {plural(waiting, 'agent')} {waiting === 1 ? 'waits' : 'wait'} for an answer.
        </li>
      )}
    </ul>
  );
}
