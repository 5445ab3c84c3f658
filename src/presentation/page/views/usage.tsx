import { formatCost, formatCount } from '../../../domain/amounts.ts';
import type { Agent, Status } from '../api.ts';
import { agentHref } from '../route.ts';
import { tokensOf } from '../text/format.ts';
import { Budget, Elapsed, Empty } from './parts.tsx';

const columns = [
  ['input_tokens', 'Input'],
  ['output_tokens', 'Output'],
  ['cache_read_tokens', 'Cache read'],
  ['cache_write_tokens', 'Cache written'],
  ['turns', 'Turns'],
] as const;

/** What was spent, in all and by each agent, beside the limits. */
export function UsageView({ status }: { readonly status: Status }) {
  const { usage, agents, session_id: id } = status;
  const used = agents.filter((agent) => agent.usage !== null);
  if (usage === null || used.length === 0)
    return <Empty title="No usage is known">{<p>Programs that are no agents use no tokens.</p>}</Empty>;
  const most = Math.max(1, ...used.map((agent) => tokensOf(agent.usage) ?? 0));
  return (
    <div class="usage">
      <dl class="figures">
        <div>
          <dt>Tokens</dt>
          <dd>{formatCount(tokensOf(usage) ?? 0)}</dd>
        </div>
        {usage.cost_usd !== null && (
          <div>
            <dt>Cost</dt>
            <dd>{formatCost(usage.cost_usd)}</dd>
          </div>
        )}
        <div>
          <dt>Turns</dt>
          <dd>{formatCount(usage.turns ?? 0)}</dd>
        </div>
        <div>
          <dt>Time</dt>
          <dd>
            <Elapsed from={status.started_at} to={status.ended_at} />
          </dd>
        </div>
      </dl>
      <Budget budget={status.budget} />
      <div class="scroll-x" tabIndex={0} role="group" aria-label="Usage of each agent">
        <table class="grid">
          <thead>
            <tr>
              <th scope="col">Agent</th>
              <th scope="col">Share of tokens</th>
              {columns.map(([, title]) => (
                <th scope="col" class="right">
                  {title}
                </th>
              ))}
              <th scope="col" class="right">
                Cost
              </th>
              <th scope="col">Budget</th>
            </tr>
          </thead>
          <tbody>
            {used.map((agent) => (
              <Row key={agent.agent_id} agent={agent} id={id} most={most} />
            ))}
          </tbody>
        </table>
      </div>
    </div>
  );
}

function Row({ agent, id, most }: { readonly agent: Agent; readonly id: string; readonly most: number }) {
  const tokens = tokensOf(agent.usage) ?? 0;
  return (
    <tr>
      <th scope="row">
        <a href={agentHref(id, agent.name)}>
          <bdi>{agent.name}</bdi>
        </a>
      </th>
      <td>
        <svg class="share" viewBox="0 0 100 6" preserveAspectRatio="none" aria-hidden="true">
          <rect class="tone-running" width={(100 * tokens) / most} height="6" rx="1" />
        </svg>
      </td>
      {columns.map(([key]) => (
        <td class="right number">{formatCount(agent.usage?.[key] ?? 0)}</td>
      ))}
      <td class="right number">{agent.usage?.cost_usd == null ? '' : formatCost(agent.usage.cost_usd)}</td>
      <td>
        <Budget budget={agent.budget} />
      </td>
    </tr>
  );
}
