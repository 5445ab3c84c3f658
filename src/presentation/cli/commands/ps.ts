import type { Project } from '../../../application/project.ts';
import { type CountedAgent, countAgents } from '../../../application/queries/agent-processes.ts';
import type { UnreadProject } from '../../../application/runtime.ts';
import { formatDuration, plural } from '../../../domain/amounts.ts';
import { shortIds } from '../../../domain/short-ids.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { formatAge, formatBytes } from '../render/format.ts';
import { type Cell, renderTable } from '../render/table.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import type { Canvas, Format, Terminal } from '../shell/terminal.ts';
import { noticeUnread, unreadViews } from '../shell/unread.ts';

/** Interval over which CPU use is measured. */
const watchMs = 250;

export const psCommand: CliCommand = {
  name: 'ps',
  summary: 'List the agents that have processes on this machine',
  details: [
    "Lists agents of every project. OWNER: whether the maos process that runs the session is alive. ORPHANED: the process belongs to an agent that the database does not list as running; end it with 'maos cancel SESSION', or with kill -9 if the session has ended. '#' and a number: a daemon that has cleared its environment, whose agent has no other process left.",
    'Exit status: 0 done, 1 a project could not be read, so its agents cannot be identified.',
  ].join('\n'),
  arguments: [],
  options: [{ flags: '--all', description: 'also agents of another MAOS_HOME', kind: 'flag' }],
  examples: [
    { line: 'maos ps', says: 'CPU, memory and last output of each agent' },
    { line: 'maos ps --json', says: 'as JSON' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { terminal, json, runtime, options } = context;
  const unread: UnreadProject[] = [];
  const agents = await countAgents(runtime(), watchMs, (project) => unread.push(project));
  noticeUnread(unread, terminal);
  if (json) terminal.document({ agents: agents.map(agentView), not_read: unreadViews(unread) });
  else if (agents.length === 0) terminal.notice('No agent has a process on this machine.');
  else showAgents(agents, options.flag('all') || unread.length > 0, terminal);
  const abandoned = agents.flatMap(({ known }) =>
    known === null || known.owner === 'alive' ? [] : known.project,
  );
  for (const project of new Set<Project>(abandoned)) await adoptOrphans(context, project);
  return unread.length === 0 ? exitStatus.done : exitStatus.failed;
}

/** @param all whether to show those that no store here knows, which are of another MAOS_HOME */
function showAgents(agents: readonly CountedAgent[], all: boolean, terminal: Terminal): void {
  const shown = all ? agents : agents.filter(({ known }) => known !== null);
  if (shown.length > 0) {
    for (const line of renderAgents(shown, terminal.canvas, Date.now())) terminal.line(line);
  }
  const others = agents.length - shown.length;
  if (others > 0) terminal.notice(`${plural(others, 'agent')} of another MAOS_HOME: --all shows them.`);
}

function agentView({ process, known, stray }: CountedAgent) {
  return {
    agent_id: process.agentId,
    name: known?.agent.name ?? null,
    role: known?.agent.role.name ?? null,
    session_id: known?.agent.sessionId ?? null,
    session_state: known?.session ?? null,
    project: known?.project.path ?? null,
    pid: process.pid,
    processes: process.processes,
    state: process.state,
    stray,
    owner: known?.owner ?? null,
    started_at: process.startedAt,
    cpu_ms: process.cpuMs,
    cpu_percent: process.cpuPercent,
    memory_bytes: process.memoryBytes,
    last_output_at: known?.lastOutputAt ?? null,
  };
}

/** @param now in Unix milliseconds */
export function renderAgents(agents: readonly CountedAgent[], canvas: Canvas, now: number): string[] {
  const short = shortIds(agents.flatMap(({ known }) => known?.agent.sessionId ?? []));
  const sessionCell = (id: string): Cell => ({ text: id, short: short.get(id) ?? '' });
  const rows = agents.map((counted) => {
    const { process, known } = counted;
    const since = (iso: string | null): string => (iso === null ? '' : formatAge(now - Date.parse(iso)));
    return [
      known?.agent.name ?? process.agentId,
      known?.agent.role.name ?? '',
      stateOf(counted),
      String(process.pid),
      process.processes === 1 ? '' : String(process.processes),
      process.cpuPercent === null ? '' : `${process.cpuPercent.toFixed(0)} %`,
      formatDuration(process.cpuMs),
      formatBytes(process.memoryBytes),
      since(process.startedAt),
      since(known?.lastOutputAt ?? null),
      ownerCell(counted),
      sessionCell(known?.agent.sessionId ?? ''),
    ];
  });
  const columns = [
    { title: 'AGENT' },
    { title: 'ROLE', rank: 5 },
    { title: 'STATE' },
    { title: 'PID', align: 'right', whole: true },
    { title: 'PROCS', align: 'right', rank: 8 },
    { title: 'CPU', align: 'right', rank: 3 },
    { title: 'TIME', align: 'right', rank: 6 },
    { title: 'MEMORY', align: 'right', rank: 4 },
    { title: 'STARTED', rank: 7 },
    { title: 'PRINTED', rank: 2 },
    { title: 'OWNER', rank: 1 },
    { title: 'SESSION', whole: true },
  ] as const;
  return renderTable(columns, rows, canvas);
}

function stateOf({ process, known, stray }: CountedAgent): { text: string; format: Format } {
  if (known === null) return { text: 'other MAOS_HOME', format: 'dim' };
  if (stray) return { text: `orphaned (${known.agent.state})`, format: 'red' };
  if (process.state === 'left_behind') return { text: 'left behind', format: 'yellow' };
  return { text: process.state, format: process.state === 'running' ? 'green' : 'yellow' };
}

function ownerCell({ known }: CountedAgent): { text: string; format: Format } {
  const owner = known?.owner ?? '';
  return { text: owner, format: owner === 'alive' ? 'dim' : 'red' };
}
