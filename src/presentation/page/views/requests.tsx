import { useState } from 'preact/hooks';
import { plural } from '../../../domain/amounts.ts';
import { showControls } from '../../../domain/invisible-marks.ts';
import { type AgentRequest, get, post } from '../api.ts';
import { agentHref } from '../route.ts';
import { useResource } from '../store/resource.ts';
import { labelOf, openRequests, refreshRequests, route } from '../store/store.ts';
import { plain } from '../text/clean.ts';
import { Empty, Problem, Shown, Time } from './parts.tsx';

/** What waits longest for an answer, above everything else. */
export function RequestsBar() {
  const open = openRequests.value.value ?? [];
  const [first] = open;
  const [isOpen, setOpen] = useState(false);
  const isHidden = first === undefined || route.value.view === 'requests';
  return (
    <section class={isHidden ? 'hidden' : 'requests-bar'} aria-label="Open requests">
      <p class="visually-hidden" role="status">
        {open.length === 0
          ? ''
          : `${plural(open.length, 'request')} of agents ${open.length === 1 ? 'waits' : 'wait'} for an answer.`}
      </p>
      {!isHidden && (
        <>
          <div class="requests-line">
            <span class="count tone-awaiting">{open.length}</span>
            <span class="requests-asked">
              <bdi>{first.agent}</bdi> {first.kind === 'permission' ? 'asks to' : 'asks:'}{' '}
              <code dir="auto">{showControls(first.action.replaceAll(/\s+/g, ' ')).slice(0, 300)}</code>
            </span>
            <button type="button" aria-expanded={isOpen} onClick={() => setOpen(!isOpen)}>
              {isOpen ? 'Close' : 'Answer…'}
            </button>
            {open.length > 1 && <a href="#/requests">All {open.length}</a>}
          </div>
          {isOpen && <RequestCard key={first.request_id} request={first} />}
        </>
      )}
    </section>
  );
}

export function RequestsPage() {
  const answered = useResource(
    'answered',
    (signal) =>
      get<{ requests: readonly AgentRequest[] }>(
        '/api/requests',
        { all: 'true', state: 'all', limit: 50 },
        signal,
      ),
    ({ type }) => type.startsWith('request.'),
  );
  return (
    <section class="page requests-page" aria-label="Requests">
      <h1>Requests</h1>
      <Shown what="requests" loaded={openRequests.value}>
        {(open) =>
          open.length === 0 ? (
            <Empty title="Nothing waits for you">
              <p>Permissions and questions of agents appear here, and above every page.</p>
            </Empty>
          ) : (
            <ul class="cards">
              {open.map((request) => (
                <li key={request.request_id}>
                  <RequestCard request={request} />
                </li>
              ))}
            </ul>
          )
        }
      </Shown>
      <h2>Earlier</h2>
      <Shown what="earlier requests" loaded={answered}>
        {({ requests }) => {
          const closed = requests.filter(({ state }) => state !== 'open');
          if (closed.length === 0) return <p class="muted">None.</p>;
          return (
            <ul class="closed-requests">
              {closed.map((request) => (
                <li key={request.request_id}>
                  <Time at={request.closed_at ?? request.asked_at} />{' '}
                  <a href={agentHref(request.session_id, request.agent)}>
                    <bdi>{request.agent}</bdi>
                  </a>{' '}
                  <code dir="auto">{showControls(request.action).slice(0, 200)}</code>{' '}
                  <strong>{outcomeOf(request)}</strong>
                </li>
              ))}
            </ul>
          );
        }}
      </Shown>
    </section>
  );
}

function outcomeOf({ state, decision, answer, answered_by }: AgentRequest): string {
  if (state !== 'answered') return state;
  const by = answered_by === undefined ? '' : ` by ${answered_by}`;
  if (answer !== undefined) return `answered${by}: ${plain(answer).slice(0, 200)}`;
  return `${decision === 'allow' ? 'allowed' : 'denied'}${by}`;
}

/** The whole action: nobody can decide about what they see only the beginning of. */
function RequestCard({ request }: { readonly request: AgentRequest }) {
  const {
    request_id: id,
    session_id,
    agent,
    kind,
    tool,
    action,
    reason,
    project,
    asked_at,
    expires_at,
  } = request;
  const [error, setError] = useState<string | null>(null);
  const [isBusy, setBusy] = useState(false);
  const send = async (body: object): Promise<void> => {
    setBusy(true);
    setError(null);
    try {
      await post(`/api/requests/${id}`, body);
    } catch (failure) {
      setError(failure instanceof Error ? failure.message : String(failure));
      setBusy(false);
    }
    refreshRequests();
  };
  return (
    <article class="card request" aria-label={`${agent} asks`}>
      <p class="facts">
        <a href={agentHref(session_id, agent)}>
          <bdi>{agent}</bdi>
        </a>
        <span>
          {kind === 'permission'
            ? `asks for permission${tool === undefined ? '' : `: ${plain(tool)}`}`
            : 'asks'}
        </span>
        {project !== undefined && <bdi class="muted">{labelOf(project)}</bdi>}
        <Time at={asked_at} />
        <span class="muted">
          until <Time at={expires_at} />
        </span>
      </p>
      <pre class="action" dir="auto" tabIndex={0}>
        {showControls(action)}
      </pre>
      {reason !== undefined && (
        <p dir="auto">
          <span class="muted">Reason: </span>
          {showControls(reason)}
        </p>
      )}
      {kind === 'permission' ? (
        <Permission isBusy={isBusy} send={send} />
      ) : (
        <Answer choices={request.choices ?? []} isBusy={isBusy} send={send} />
      )}
      {error !== null && <Problem text={error} />}
    </article>
  );
}

interface SendProps {
  readonly isBusy: boolean;
  readonly send: (body: object) => Promise<void>;
}

function Permission({ isBusy, send }: SendProps) {
  const [message, setMessage] = useState('');
  const said = message.trim() === '' ? {} : { message: message.trim() };
  return (
    <>
      <div class="answer">
        <button
          type="button"
          class="primary"
          disabled={isBusy}
          onClick={() => void send({ decision: 'allow' })}
        >
          Allow
        </button>
        <button
          type="button"
          class="danger"
          disabled={isBusy}
          onClick={() => void send({ decision: 'deny', ...said })}
        >
          Deny
        </button>
        <input
          type="text"
          aria-label="Message to the agent when denied"
          placeholder="Why not, if you deny it (optional)"
          value={message}
          onInput={(event) => setMessage(event.currentTarget.value)}
        />
      </div>
      <p class="muted small">
        Allowed, the agent does it at once; that cannot be taken back. Denied, it is told so and goes on
        without.
      </p>
    </>
  );
}

function Answer({ choices, isBusy, send }: SendProps & { readonly choices: readonly string[] }) {
  const [text, setText] = useState('');
  const submit = (event: Event): void => {
    event.preventDefault();
    if (text.trim() !== '') void send({ answer: text.trim() });
  };
  return (
    <form class="answer" onSubmit={submit}>
      {choices.map((choice) => (
        <button type="button" disabled={isBusy} onClick={() => void send({ answer: choice })}>
          <bdi>{plain(choice)}</bdi>
        </button>
      ))}
      <textarea
        aria-label="Your answer"
        placeholder={choices.length === 0 ? 'Your answer' : 'Or answer in your own words'}
        rows={2}
        value={text}
        onInput={(event) => setText(event.currentTarget.value)}
      />
      <button type="submit" class="primary" disabled={isBusy || text.trim() === ''}>
        Answer
      </button>
    </form>
  );
}
