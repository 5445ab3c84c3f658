import { useEffect, useRef } from 'preact/hooks';
import { isNarrow, isSignedOut, openRequests, overview, route, sessionTab } from '../store/store.ts';
import { connection } from '../store/stream.ts';
import { ActionDialog } from './action-dialog.tsx';
import { AgentPane } from './agent.tsx';
import { NewTeam } from './new-team.tsx';
import { Empty } from './parts.tsx';
import { RequestsBar, RequestsPage } from './requests.tsx';
import { SessionPane } from './session.tsx';
import { SessionList } from './session-list.tsx';
import { signOut } from './sign-out.ts';

/** The frame of every view: the bar, open requests, the list of sessions, and what is looked at. */
export function App() {
  if (isSignedOut.value) return <SignedOut />;
  const { view } = route.value;
  return (
    <div class={`app view-${view}`}>
      <button type="button" class="skip" onClick={skip}>
        Skip to the content
      </button>
      <TopBar />
      <Disconnected />
      <RequestsBar />
      <div class="columns">
        <SessionList />
        <Main />
      </div>
      <ActionDialog />
    </div>
  );
}

function skip(): void {
  const main = document.querySelector<HTMLElement>(isNarrow.value ? '[role=main], main' : 'main');
  main?.focus();
}

function TopBar() {
  const { view } = route.value;
  const count = openRequests.value.value?.length ?? overview.value?.open_requests ?? 0;
  const current = (is: boolean) => (is ? 'page' : undefined);
  return (
    <header class="top">
      <a class="brand" href="#/">
        <svg viewBox="0 0 16 16" width="20" height="20" aria-hidden="true">
          <path d="M4 8 12 3.5M4 8l8 4.5" class="drawn" />
          <circle cx="4" cy="8" r="2.6" />
          <circle cx="12" cy="3.5" r="2.2" />
          <circle cx="12" cy="12.5" r="2.2" />
        </svg>
        MAOS
      </a>
      <nav aria-label="Main">
        <a href="#/" aria-current={current(view !== 'requests' && view !== 'new')}>
          Sessions
        </a>
        <a href="#/requests" aria-current={current(view === 'requests')}>
          Requests
          {count > 0 && <span class="count tone-awaiting">{count}</span>}
        </a>
        <a href="#/new" aria-current={current(view === 'new')}>
          New team
        </a>
      </nav>
      <span class="where">
        {overview.value !== null && (
          <>
            <span class="host" title={`MAOS ${overview.value.version}`}>
              {overview.value.user}@{overview.value.host}
            </span>
            <button type="button" class="quiet" onClick={() => void signOut()}>
              Sign out
            </button>
          </>
        )}
      </span>
    </header>
  );
}

function Disconnected() {
  const isLost = connection.value === 'lost';
  return (
    <div role="status" class={isLost ? 'disconnected' : 'hidden'}>
      {isLost && 'Disconnected from MAOS; trying again. What you see may be out of date.'}
    </div>
  );
}

function Main() {
  const current = route.value;
  const main = useRef<HTMLElement>(null);
  const place =
    current.view === 'agent' || current.view === 'session' ? `${current.view} ${current.id}` : current.view;
  useEffect(() => {
    main.current?.scrollTo({ top: 0 });
  }, [place]);
  return (
    <main id="main" ref={main} tabIndex={-1}>
      {current.view === 'sessions' && (
        <Empty title="Choose a session">
          <p>
            Or <a href="#/new">start a team</a>. Sessions that start anywhere on this machine appear here by
            themselves.
          </p>
        </Empty>
      )}
      {current.view === 'session' && <SessionPane id={current.id} tab={current.tab} />}
      {current.view === 'agent' && (
        <div class="with-agent">
          <SessionPane id={current.id} tab={sessionTab.value} besideAgent={current.agent} />
          <AgentPane
            key={`${current.id} ${current.agent}`}
            id={current.id}
            name={current.agent}
            tab={current.tab}
          />
        </div>
      )}
      {current.view === 'requests' && <RequestsPage />}
      {current.view === 'new' && <NewTeam />}
      {current.view === 'unknown' && (
        <Empty title="There is no such page">
          <p>
            <a href="#/">To the sessions</a>
          </p>
        </Empty>
      )}
    </main>
  );
}

function SignedOut() {
  return (
    <main class="signed-out" tabIndex={-1}>
      <h1>Signed out</h1>
      <p>
        This browser is not signed in to MAOS, or not any more. Run <code>maos open</code> in a terminal: it
        opens the page again.
      </p>
    </main>
  );
}
