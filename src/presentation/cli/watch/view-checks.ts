import type { CheckEvidence } from '../../../application/evidence/evidence.ts';
import type { Agent } from '../../../domain/agent.ts';
import { formatDuration } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { checkEndText, hasPassed } from '../../../domain/verification.ts';
import { shortCommit } from '../../../domain/work-text.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { failedCheckLines, verifyingLines, workTable } from '../render/report-work.ts';
import { lookOf } from '../render/states.ts';
import type { Canvas } from '../shell/terminal.ts';
import type { SessionView } from './state.ts';

/** What checks have found of the chosen agent's work: the sections of a report, and the record of each check. */
export function checkLines(
  { workflow }: SessionView,
  agent: Agent | null,
  checks: readonly CheckEvidence[] | null,
  canvas: Canvas,
): string[] {
  if (agent === null) return [];
  const { paint } = canvas;
  const of = { workflow: { ...workflow, agents: [agent] } };
  const sections = [
    workTable(of, canvas),
    verifyingLines(of, canvas),
    checks === null ? [paint('dim', 'Reading …')] : checks.map((check) => checkLine(check, canvas)),
    failedCheckLines(of, canvas),
  ].filter((lines) => lines.length > 0);
  if (sections.length === 0) return [paint('dim', `No check of the work of ${agent.name} has run.`)];
  return sections.flatMap((lines) => [...lines, '']);
}

function checkLine({ check, command, commit, startedAt, report }: CheckEvidence, { paint }: Canvas): string {
  const { symbol, format } = lookOf(report === null ? 'running' : hasPassed(report) ? 'completed' : 'failed');
  const took =
    report === null ? '' : `, ${formatDuration(Date.parse(report.endedAt) - Date.parse(startedAt))}`;
  const end = report === null ? 'no result yet' : oneLine(checkEndText(report));
  const at = commit === null ? '' : ` at commit ${shortCommit(commit)}`;
  return `  ${paint(format, symbol)} check ${check}: ${showName(command)}: ${end}${at}${took}`;
}
