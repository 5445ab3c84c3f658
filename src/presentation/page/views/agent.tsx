import { formatCost, formatCount } from '../../../domain/amounts.ts';
import { type Agent, type Evidence, get, type Status, sessionPath } from '../api.ts';
import { type AgentTab, agentHref, agentTabs, sessionHref } from '../route.ts';
import { useResource } from '../store/resource.ts';
import { detail, sessionTab } from '../store/store.ts';
import { plain } from '../text/clean.ts';
import { formatBytes, tokensOf } from '../text/format.ts';
import { Markdown } from '../text/markdown.tsx';
import { Terminal } from '../text/terminal.tsx';
import { actionsOfAgent, askAction } from './action-dialog.tsx';
import { CheckList } from './check-list.tsx';
import { DiffView } from './diff-view.tsx';
import { Budget, Elapsed, Empty, Loading, Shown, State, Tabs, Time } from './parts.tsx';
import { Steps } from './steps.tsx';

const titles: Readonly<Record<AgentTab, string>> = {
  steps: 'Steps',
  task: 'Task',
  stderr: 'stderr',
  files: 'Files',
  diff: 'Diff',
  checks: 'Checks',
  attempts: 'Attempts',
};

/** Everything of an agent that is too long for the session's view. */
interface AgentDetail {
  readonly task: string;
  readonly prompt: string | null;
  readonly result: string | null;
  /** Those of them that are cut. */
  readonly truncated: readonly string[];
  readonly files: readonly { readonly path: string; readonly size_bytes: number }[];
  readonly attempts: Evidence['agents'][number]['process'];
  readonly checks: Evidence['agents'][number]['checks'];
}

interface AgentPaneProps {
  readonly id: string;
  readonly name: string;
  readonly tab: AgentTab;
}

export function AgentPane({ id, name, tab }: AgentPaneProps) {
  const { value: status, error } = detail.value;
  const agent = status?.agents.find((one) => one.name === name || one.agent_id === name);
  const loaded = useResource(
    `${id} ${name}`,
    (signal) => get<AgentDetail>(sessionPath(id, 'agents', name), {}, signal),
    (event) =>
      event.session_id === id &&
      event.agent_id === agent?.agent_id &&
      event.type !== 'agent.progressed' &&
      !event.type.startsWith('message.'),
  );
  if (status === null) return error === null ? <Loading what="the agent" /> : null;
  if (agent === undefined)
    return (
      <article class="agent">
        <Empty title={`This session has no agent ${name}`}>
          <a href={sessionHref(id)}>To the session</a>
        </Empty>
      </article>
    );
  const steps = {
    ...{ id, name: agent.name, agentId: agent.agent_id },
    isRunning: agent.state === 'running',
    isProgram: agent.backend === 'command',
  };
  return (
    <article class="agent" aria-label={`Agent ${agent.name}`}>
      <a class="back" href={sessionHref(id, sessionTab.value)}>
        ‹ Session
      </a>
      <Head agent={agent} status={status} />
      <Tabs
        label="Agent"
        current={tab}
        tabs={agentTabs.map((one) => ({
          name: one,
          title: titles[one],
          href: agentHref(id, agent.name, one),
        }))}
      />
      <div class={`tab-content tab-${tab}`}>
        {tab === 'steps' && <Steps key="stdout" {...steps} stream="stdout" />}
        {tab === 'stderr' && <Steps key="stderr" {...steps} stream="stderr" />}
        {tab === 'diff' && <DiffView id={id} agent={agent} />}
        {(tab === 'task' || tab === 'files' || tab === 'checks' || tab === 'attempts') && (
          <Shown what="the agent" loaded={loaded}>
            {(value) => (
              <>
                {tab === 'task' && <Task value={value} isProgram={steps.isProgram} />}
                {tab === 'files' && <Files id={id} files={value.files} />}
                {tab === 'checks' && <CheckList id={id} agent={agent} checks={value.checks} />}
                {tab === 'attempts' && <Attempts agent={agent} attempts={value.attempts} />}
              </>
            )}
          </Shown>
        )}
      </div>
    </article>
  );
}

function Head({ agent, status }: { readonly agent: Agent; readonly status: Status }) {
  const tokens = tokensOf(agent.usage);
  const cost = agent.usage?.cost_usd ?? null;
  const where = agent.model === undefined ? agent.backend : `${agent.backend}, ${agent.model}`;
  return (
    <header class="agent-head">
      <div class="title-line">
        <h1>
          <bdi>{agent.name}</bdi>
        </h1>
        <div class="actions">
          {actionsOfAgent(agent, status).map(({ action, title }) => (
            <button
              type="button"
              class={action === 'cancel' ? 'danger' : ''}
              onClick={() => askAction({ action, title, id: status.session_id, agent: agent.name })}
            >
              {title}
            </button>
          ))}
          <a
            class="close"
            href={sessionHref(status.session_id, sessionTab.value)}
            aria-label="Close the agent"
            title="Close"
          >
            ✕
          </a>
        </div>
      </div>
      <p class="facts">
        <State state={agent.state} stage={agent.stage} />
        <Elapsed from={agent.started_at} to={agent.ended_at} />
        {agent.role !== agent.name && agent.role !== where && <span>{agent.role}</span>}
        <span>{where}</span>
        {agent.where !== undefined && <span>{plain(agent.where)}</span>}
        {agent.attempt > 1 && <span>attempt {agent.attempt}</span>}
        {tokens !== null && <span class="number">{formatCount(tokens)} tokens</span>}
        {cost !== null && <span class="number">{formatCost(cost)}</span>}
        {agent.depends_on.length > 0 && <span class="muted">after {agent.depends_on.join(', ')}</span>}
        {agent.worktree !== undefined && agent.work !== undefined && <code>{agent.work.branch}</code>}
      </p>
      <Budget budget={agent.budget} />
      {agent.failure !== undefined && (
        <div class="failure">
          <p dir="auto">
            <strong>{agent.failure.kind.replaceAll('_', ' ')}:</strong> {plain(agent.failure.message)}
          </p>
          {agent.failure.stderr_tail !== '' && <Terminal text={agent.failure.stderr_tail} />}
        </div>
      )}
      {agent.failure === undefined && agent.note !== undefined && (
        <p class="note-line" dir="auto">
          {plain(agent.note)}
        </p>
      )}
    </header>
  );
}

function Task({ value, isProgram }: { readonly value: AgentDetail; readonly isProgram: boolean }) {
  const { task, prompt, result } = value;
  const cut = (name: string) =>
    value.truncated.includes(name) && <p class="muted small">There is more than is shown here.</p>;
  return (
    <div class="task">
      <h2>Task</h2>
      <Markdown text={task} />
      {cut('task')}
      {result !== null && (
        <>
          <h2>Result</h2>
          {isProgram ? <Terminal text={result} /> : <Markdown text={result} />}
          {cut('result')}
        </>
      )}
      {prompt !== null && (
        <details>
          <summary>The whole prompt, with the role and the results of the agents before it</summary>
          <Terminal text={prompt} />
          {cut('prompt')}
        </details>
      )}
    </div>
  );
}

function Files({ id, files }: { readonly id: string; readonly files: AgentDetail['files'] }) {
  if (files.length === 0)
    return (
      <Empty title="No files">
        <p>Files that the agent leaves for others, in its results or the shared context, appear here.</p>
      </Empty>
    );
  return (
    <table class="grid files">
      <thead>
        <tr>
          <th scope="col">File</th>
          <th scope="col" class="right">
            Size
          </th>
        </tr>
      </thead>
      <tbody>
        {files.map(({ path, size_bytes }) => (
          <tr key={path}>
            <th scope="row">
              <a href={sessionPath(id, 'artifacts', ...path.split('/'))} download="">
                <bdi>{plain(path)}</bdi>
              </a>
            </th>
            <td class="right number">{formatBytes(size_bytes)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Attempts({
  agent,
  attempts,
}: {
  readonly agent: Agent;
  readonly attempts: AgentDetail['attempts'];
}) {
  if (attempts.length === 0)
    return (
      <Empty
        title={agent.state === 'pending' ? 'The agent has not started yet' : 'The agent was not started'}
      />
    );
  return (
    <table class="grid">
      <thead>
        <tr>
          <th scope="col">Attempt</th>
          <th scope="col">Started</th>
          <th scope="col" class="right">
            Time
          </th>
          <th scope="col">End</th>
        </tr>
      </thead>
      <tbody>
        {attempts.map((one) => (
          <tr key={one.attempt}>
            <th scope="row">{one.attempt}</th>
            <td>{one.started_at !== null && <Time at={one.started_at} />}</td>
            <td class="right">
              <Elapsed from={one.started_at} to={one.ended_at} />
            </td>
            <td dir="auto">{endText(one, agent)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function endText(
  { event, exit_code, signal, ended_at, attempt }: AgentDetail['attempts'][number],
  agent: Agent,
): string {
  if (event !== null) return plain(event.text);
  if (signal !== null) return `ended by ${signal}`;
  if (exit_code !== null) return `exit status ${exit_code}`;
  return ended_at === null && attempt === agent.attempt && agent.state === 'running' ? 'running' : '';
}
