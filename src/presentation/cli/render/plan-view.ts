import type { Workflow } from '../../../domain/workflow.ts';
import type { Canvas } from '../terminal.ts';
import { formatDuration, oneLine, plural } from './format.ts';
import { truncate } from './text-width.ts';

/** A plan that was not stored, phase by phase. */
export function renderPlan({ session, agents, phases }: Workflow, { paint, width }: Canvas): string[] {
  const names = new Map(agents.map(({ id, name }) => [id, name]));
  const limits = [
    ...(session.limits.maxConcurrency === null ? [] : [`at most ${session.limits.maxConcurrency} at once`]),
    ...(session.limits.maxAgentsPerRole === null
      ? []
      : [`at most ${session.limits.maxAgentsPerRole} per role`]),
  ];
  const facts = [
    plural(agents.length, 'agent'),
    plural(phases.length, 'phase'),
    `strategy ${session.strategy}`,
    `failure policy ${session.failurePolicy}`,
    ...limits,
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
      const head = `${agent.name} (${agent.role.name}, ${where}, at most ${formatDuration(agent.timeoutMs)})`;
      lines.push(`  ${head}${after === '' ? '' : paint('dim', ` after ${after}`)}`);
      lines.push(paint('dim', `    ${truncate(oneLine(agent.task), width - 4)}`));
    }
  }
  return [...lines, '', 'Nothing was stored or started (dry run).'];
}
