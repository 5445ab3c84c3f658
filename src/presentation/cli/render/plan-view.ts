import type { PreviewedCommands } from '../../../application/control/preview-commands.ts';
import type { Agent } from '../../../domain/agent.ts';
import { formatCost, formatCount, formatDuration, plural } from '../../../domain/amounts.ts';
import type { Budget } from '../../../domain/budget.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { isSessionCheck } from '../../../domain/session-check.ts';
import { plannedWorkText } from '../../../domain/work-text.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas } from '../shell/terminal.ts';
import { type GraphNode, mermaidGraph, textGraph } from './plan-graph.ts';
import { truncate } from './text-width.ts';

/** A plan that was not stored: its agents by phase with their command lines, then its graph. */
export function renderPlan(
  { session, agents, phases }: Workflow,
  { byAgent }: PreviewedCommands,
  { paint, width }: Canvas,
): string[] {
  const names = new Map(agents.map(({ id, name }) => [id, name]));
  const limits = [
    ...(session.limits.maxConcurrency === null ? [] : [`at most ${session.limits.maxConcurrency} at once`]),
    ...(session.limits.maxAgentsPerRole === null
      ? []
      : [`at most ${session.limits.maxAgentsPerRole} per role`]),
    ...caps(session.budget),
  ];
  const facts = [
    plural(agents.length, 'agent'),
    plural(phases.length, 'phase'),
    `strategy ${session.strategy}`,
    `failure policy ${session.failurePolicy}`,
    ...limits,
    ...(session.land === null ? [] : ['lands when completed']),
  ];
  const lines = [
    `${paint('bold', 'Plan')}: ${truncate(oneLine(session.objective), width - 6)}`,
    paint('dim', facts.join(' · ')),
  ];
  for (const phase of phases) {
    lines.push('', paint('bold', `Phase ${phase.index + 1}`));
    for (const agent of agents.filter((member) => member.phase === phase.index)) {
      const after = agent.dependsOn.map((id) => names.get(id)).join(', ');
      const where = agent.model === null ? agent.backend : `${agent.backend} ${agent.model}`;
      const others = (agent.backends ?? []).slice(1).map(({ backend }) => backend);
      const work = plannedWorkText(agent, isSessionCheck(session, agent));
      const limits = limitsOf(agent);
      const kind = [agent.role.name, [where, ...others].join(', then '), ...limits];
      const head = `${agent.name} (${[...new Set(kind)].join(', ')})`;
      lines.push(`  ${head}${after === '' ? '' : paint('dim', ` after ${after}`)}`);
      lines.push(paint('dim', `    ${truncate(oneLine(agent.task), width - 4)}`));
      if (work !== '') lines.push(paint('dim', `    ${truncate(oneLine(work), width - 4)}`));
      const command = byAgent.get(agent.id);
      if (command !== undefined) lines.push(paint('dim', `    $ ${commandLine(command)}`));
    }
  }
  const graph = phases.length > 1 ? ['', paint('bold', 'Graph'), ...textGraph(nodesOf(agents), width)] : [];
  return [...lines, ...graph, '', 'Nothing was stored or started (dry run).'];
}

/** The same for programs. */
export function dryRunDocument({ agents }: Workflow, { byAgent }: PreviewedCommands, view: object) {
  const commands = agents.flatMap(({ id, name }) => {
    const command = byAgent.get(id);
    return command === undefined ? [] : [{ agent: name, command }];
  });
  return { dry_run: true, ...view, commands, mermaid: mermaidGraph(nodesOf(agents)).join('\n') };
}

/** Long arguments, such as the instructions of a role, are shortened; in JSON they are complete. */
const maxArgument = 60;

function commandLine(command: readonly string[]): string {
  return command.map((word) => shellWord(shorten(oneLine(word), maxArgument))).join(' ');
}

function shellWord(word: string): string {
  return /^[\w@%+=:,./\u2026-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

function nodesOf(agents: Workflow['agents']): readonly GraphNode[] {
  const indexes = new Map(agents.map(({ id }, index) => [id, index]));
  return agents.map(({ name, role, phase, dependsOn }) => ({
    ...{ name, role: role.name, phase },
    dependsOn: dependsOn.map((id) => indexes.get(id) as number),
  }));
}

/** `at most 45m 00s`, `at most 4096 MB`: one text per limit. */
function limitsOf({ timeoutMs, maxMemoryMb, budget }: Agent): string[] {
  return [
    ...(timeoutMs === null ? [] : [`at most ${formatDuration(timeoutMs)}`]),
    ...(maxMemoryMb === null ? [] : [`at most ${maxMemoryMb} MB`]),
    ...caps(budget),
  ];
}

/** `budget 50.0k tokens`: one text per limit. */
function caps({ maxTokens, maxCostUsd, maxTurns, maxWallMs }: Budget): string[] {
  const texts = [
    maxTokens === null ? null : `${formatCount(maxTokens)} tokens`,
    maxCostUsd === null ? null : formatCost(maxCostUsd),
    maxTurns === null ? null : plural(maxTurns, 'turn'),
    maxWallMs === null ? null : formatDuration(maxWallMs),
  ];
  return texts.flatMap((text) => (text === null ? [] : [`budget ${text}`]));
}
