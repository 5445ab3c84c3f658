import { formatCost, formatCount } from '../../../domain/amounts.ts';
import type { Agent, Status } from '../api.ts';
import { agentHref } from '../route.ts';
import { plain } from '../text/clean.ts';
import { tokensOf } from '../text/format.ts';
import { memo } from './memo.ts';
import { Elapsed, Empty, State } from './parts.tsx';

/** The agents in the plan's order, each with what it does now or how it ended. */
export function AgentTable({ status }: { readonly status: Status }) {
  const { session_id: id, agents } = status;
  if (agents.length === 0) return <Empty title="This session has no agents" />;
  const hasCost = agents.some(({ usage }) => usage?.cost_usd != null);
  const hasTokens = agents.some(({ usage }) => tokensOf(usage) !== null);
  return (
    <div class="scroll-x" tabIndex={0} role="group" aria-label="Agents">
      <table class="grid agents">
        <thead>
          <tr>
            <th scope="col">Agent</th>
            <th scope="col" class="column-state">
              State
            </th>
            <th scope="col" class="wide-only column-middle">
              Backend
            </th>
            <th scope="col" class="wide-only column-middle">
              After
            </th>
            <th scope="col" class="right column-short">
              Time
            </th>
            {hasTokens && (
              <th scope="col" class="right column-short">
                Tokens
              </th>
            )}
            {hasCost && (
              <th scope="col" class="right column-short">
                Cost
              </th>
            )}
            <th scope="col">Note</th>
          </tr>
        </thead>
        <tbody>
          {agents.map((agent) => (
            <Row key={agent.agent_id} {...{ agent, id, hasTokens, hasCost }} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

interface RowProps {
  readonly agent: Agent;
  readonly id: string;
  readonly hasTokens: boolean;
  readonly hasCost: boolean;
}

const Row = memo(({ agent, id, hasTokens, hasCost }: RowProps) => {
  const tokens = tokensOf(agent.usage);
  return (
    <tr>
      <th scope="row">
        <a href={agentHref(id, agent.name)}>
          <bdi>{agent.name}</bdi>
        </a>
        {agent.role !== agent.name && <div class="muted small">{agent.role}</div>}
      </th>
      <td>
        <State state={agent.state} stage={agent.stage} />
      </td>
      <td class="wide-only">
        {agent.backend}
        {agent.model !== undefined && <div class="muted small">{agent.model}</div>}
        {agent.where !== undefined && <div class="muted small">{plain(agent.where)}</div>}
      </td>
      <td class="wide-only muted">{agent.depends_on.join(', ')}</td>
      <td class="right">
        <Elapsed from={agent.started_at} to={agent.ended_at} />
      </td>
      {hasTokens && <td class="right number">{tokens === null ? '' : formatCount(tokens)}</td>}
      {hasCost && (
        <td class="right number">{agent.usage?.cost_usd == null ? '' : formatCost(agent.usage.cost_usd)}</td>
      )}
      <td class="note" dir="auto">
        <div class="two-lines">{noteOf(agent)}</div>
      </td>
    </tr>
  );
});

/** Of Markdown: of headings, quotations, lists and tables at the beginning of a line, and around words. */
const marks = /^[ \t]*(?:#+|>|[-*+]|\|[-| :]*)(?=\s|$)|[*`|]/gm;

function noteOf({ note, failure, result }: Status['agents'][number]): string {
  const text = failure?.message ?? note ?? result?.replaceAll(marks, '') ?? '';
  return plain(text).replaceAll(/\s+/g, ' ').slice(0, 240);
}
