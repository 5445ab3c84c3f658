import { type Evidence, get, type Status, sessionPath } from '../api.ts';
import { agentHref, sessionHref } from '../route.ts';
import { useResource } from '../store/resource.ts';
import { plain } from '../text/clean.ts';
import { askAction, canLand } from './action-dialog.tsx';
import { Empty, Said, Shown, State, Time } from './parts.tsx';

/** What became of the work: the branches, what was checked, and what landed. */
export function Landing({ status }: { readonly status: Status }) {
  const { session_id: id, landed, landed_by, landing } = status;
  const evidence = useResource(
    id,
    (signal) => get<Evidence>(sessionPath(id, 'evidence'), {}, signal),
    (event) =>
      event.session_id === id && /^(landing|verify|work)\.|^agent\.(completed|failed)/.test(event.type),
  );
  return (
    <div class="landing">
      {canLand(status) && (
        <p class="actions">
          <button type="button" onClick={() => askAction({ action: 'land', title: 'Land', id, agent: null })}>
            Land the work…
          </button>
        </p>
      )}
      {landed_by !== undefined && (
        <p>
          Landed by <a href={sessionHref(landed_by.session_id)}>another session</a>, which is{' '}
          <State state={landed_by.state} />
        </p>
      )}
      {landing !== undefined && (
        <p>
          This session lands the work of <a href={sessionHref(landing.session_id)}>another session</a> on{' '}
          <code>{landing.target}</code>.
        </p>
      )}
      {landed !== undefined && <Landed id={id} landed={landed} />}
      <h2>Evidence</h2>
      <Shown what="the evidence" loaded={evidence}>
        {(value) => <AgentEvidence id={id} evidence={value} />}
      </Shown>
    </div>
  );
}

function Landed({ id, landed }: { readonly id: string; readonly landed: NonNullable<Status['landed']> }) {
  return (
    <table class="grid">
      <thead>
        <tr>
          <th scope="col">Work of</th>
          <th scope="col">Outcome</th>
          <th scope="col">Branch</th>
          <th scope="col">Why</th>
        </tr>
      </thead>
      <tbody>
        {landed.map((work) => (
          <tr>
            <th scope="row">
              <a href={agentHref(id, work.agent)}>
                <bdi>{work.agent}</bdi>
              </a>
            </th>
            <td class={landedTone(work.state)}>{work.state.replaceAll('_', ' ')}</td>
            <td>
              <code>{work.branch ?? ''}</code>
            </td>
            <td>
              {work.reason !== undefined && <Said>{plain(work.reason)}</Said>}
              {work.paths !== undefined && (
                <div class="small">
                  {work.paths.map((path) => (
                    <code>{plain(path)} </code>
                  ))}
                </div>
              )}
              {work.command !== undefined && <code class="block">{plain(work.command)}</code>}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function landedTone(state: string): string {
  if (state === 'landed') return 'tone-completed';
  if (state === 'open' || state === 'waiting') return 'tone-awaiting';
  return state === 'skipped' || state === 'cancelled' ? 'muted' : 'tone-failed';
}

function AgentEvidence({ id, evidence }: { readonly id: string; readonly evidence: Evidence }) {
  if (evidence.agents.length === 0) return <Empty title="Nothing is recorded yet" />;
  return (
    <ul class="evidence">
      {evidence.agents.map((agent) => (
        <li class="card">
          <p class="facts">
            <a href={agentHref(id, agent.name)}>
              <bdi>{agent.name}</bdi>
            </a>
            <State state={agent.state} />
            {agent.work !== null && <code>{agent.work.branch}</code>}
            {agent.proof !== null && String(agent.proof) !== 'none' && (
              <span class="muted">proof: {String(agent.proof).replaceAll('_', ' ')}</span>
            )}
          </p>
          {agent.failure !== null && <p class="tone-failed">{plain(agent.failure.message)}</p>}
          <Checks checks={agent.checks} />
          {agent.landed.map((one) => (
            <ul class="small">
              {one.events.map((event) => (
                <li>
                  <Time at={event.at} /> {event.type.replace('landing.', '')}
                </li>
              ))}
            </ul>
          ))}
        </li>
      ))}
    </ul>
  );
}

/** Commands that checked work, with their ends. */
function Checks({ checks }: { readonly checks: Evidence['agents'][number]['checks'] }) {
  if (checks.length === 0) return null;
  return (
    <ul class="checks">
      {checks.map((check) => (
        <li>
          <span
            class={check.passed === null ? 'tone-running' : check.passed ? 'tone-completed' : 'tone-failed'}
          >
            {check.passed === null ? 'running' : check.passed ? 'passed' : 'failed'}
          </span>{' '}
          <code>{plain(check.command)}</code>
          {check.commit !== null && <code class="muted"> {check.commit.slice(0, 10)}</code>}
        </li>
      ))}
    </ul>
  );
}
