import { isSuspended } from '../../../application/queries/live-status.ts';
import { activeMs } from '../../../domain/active-time.ts';
import type { Agent } from '../../../domain/agent.ts';
import { formatCost, formatCount, formatDuration } from '../../../domain/amounts.ts';
import { tokensOf } from '../../../domain/budget.ts';
import type { Canvas } from '../shell/terminal.ts';
import type { SessionFacts } from './report-facts.ts';
import { lookOf } from './states.ts';
import { renderTable } from './table.ts';

/** The state of every agent, a row each. @param agents default: all of the session's */
export function agentTable(
  { workflow, liveStatus: { now } }: SessionFacts,
  canvas: Canvas,
  agents: readonly Agent[] = workflow.agents,
): string[] {
  const names = new Map(workflow.agents.map(({ id, name }) => [id, name]));
  const isElsewhere = agents.some(({ where }) => where !== null);
  const rows = agents.map((agent) => {
    const state = isSuspended(workflow.session, agent) ? 'suspended' : agent.state;
    const { symbol, format } = lookOf(state);
    const stage = state === 'running' && agent.stage !== 'executing' ? agent.stage : null;
    const time = agent.startedAt === null ? '' : formatDuration(activeMs(agent, now));
    const after = agent.dependsOn.map((id) => names.get(id) ?? id).join(', ');
    return [
      { text: symbol, format },
      agent.name,
      agent.role.name,
      agent.backend,
      ...(isElsewhere ? [agent.where ?? ''] : []),
      { text: stage ?? state, format },
      agent.attempt > 1 ? String(agent.attempt) : '',
      time,
      agent.usage === null ? '' : formatCount(tokensOf(agent.usage)),
      agent.usage?.costUsd == null ? '' : formatCost(agent.usage.costUsd),
      agent.id.slice(-6),
      { text: after, format: 'dim' as const },
    ];
  });
  const right = 'right' as const;
  const columns = [
    { title: '' },
    { title: 'AGENT' },
    { title: 'ROLE', rank: 3 },
    { title: 'BACKEND', rank: 5 },
    ...(isElsewhere ? [{ title: 'WHERE', rank: 4 }] : []),
    { title: 'STATE' },
    { title: 'ATTEMPT', align: right, rank: 6 },
    { title: 'TIME', align: right, rank: 1 },
    { title: 'TOKENS', align: right, rank: 2 },
    { title: 'COST', align: right, rank: 4 },
    { title: 'ID', whole: true, rank: 8 },
    { title: 'AFTER', rank: 7 },
  ];
  return renderTable(columns, rows, canvas);
}
