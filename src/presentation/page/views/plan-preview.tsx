import { formatDuration, plural } from '../../../domain/amounts.ts';
import { nodeHeight, nodeWidth, placeGraph } from '../graph/layout.ts';
import { plain } from '../text/clean.ts';

interface PlannedAgent {
  readonly name: string;
  readonly role: string;
  readonly backend?: string;
  readonly model?: string;
  readonly phase: number;
  readonly timeout_ms?: number | null;
  readonly max_memory_mb?: number | null;
  readonly depends_on: readonly string[];
}

/** The answer of a dry run. */
export interface PlanView {
  readonly agents: readonly PlannedAgent[];
  readonly commands?: readonly { readonly agent: string; readonly command: readonly string[] }[];
  readonly remarks?: readonly string[];
}

/** What would run, in which order. Nothing was stored or started. */
export function PlanPreview({ plan }: { readonly plan: PlanView }) {
  const agents = plan.agents.map((agent) => ({ ...agent, depends_on: agent.depends_on ?? [] }));
  const placed = placeGraph(agents);
  const commands = new Map(plan.commands?.map(({ agent, command }) => [agent, command]));
  return (
    <section class="preview" aria-label="What will happen">
      <h2>
        {plural(agents.length, 'agent')} in{' '}
        {plural(1 + Math.max(0, ...agents.map(({ phase }) => phase ?? 0)), 'phase')}
      </h2>
      <div class="scroll-x" tabIndex={0} role="group" aria-label="Graph of the plan">
        <svg class="plan-graph" width={placed.width} height={placed.height} aria-hidden="true">
          {placed.edges.map(({ from, to, path }) => (
            <path key={`${from}>${to}`} d={path} class="edge tone-pending" />
          ))}
          {placed.nodes.map(({ name, x, y }) => {
            const agent = agents.find((one) => one.name === name);
            return (
              <g key={name} class="node tone-pending" transform={`translate(${x} ${y})`}>
                <rect class="node-box" width={nodeWidth} height={nodeHeight} rx="7" />
                <foreignObject x="4" y="0" width={nodeWidth - 4} height={nodeHeight}>
                  <div class="node-text">
                    <bdi class="node-name">{name}</bdi>
                    <span class="node-facts">
                      {[agent?.backend, agent?.model].filter(Boolean).join(', ')}
                    </span>
                  </div>
                </foreignObject>
              </g>
            );
          })}
        </svg>
      </div>
      {plan.remarks?.map((remark) => (
        <p class="tone-awaiting">{plain(remark)}</p>
      ))}
      <ol class="planned">
        {agents.map(({ name, role, depends_on, timeout_ms, max_memory_mb }) => {
          const command = commands.get(name);
          return (
            <li>
              <bdi>{name}</bdi>{' '}
              <span class="muted">
                {role === name ? '' : role}
                {depends_on.length === 0 ? '' : ` after ${depends_on.join(', ')}`}
                {timeout_ms == null ? '' : `, at most ${formatDuration(timeout_ms)}`}
                {max_memory_mb == null ? '' : `, ${max_memory_mb} MB`}
              </span>
              {command !== undefined && (
                <details>
                  <summary>Command</summary>
                  <code class="block">{plain(command.map(word).join(' '))}</code>
                </details>
              )}
            </li>
          );
        })}
      </ol>
    </section>
  );
}

function word(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
