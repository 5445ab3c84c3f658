import { type Agent, isAgentEnded } from '../../../domain/agent.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { checkEndText } from '../../../domain/verification.ts';
import { diffText, proofStateOf, shortCommit, verifyingText } from '../../../domain/work-text.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas, Format } from '../shell/terminal.ts';
import type { SessionFacts } from './report-facts.ts';
import { type Cell, renderTable } from './table.ts';
import { textLines } from './text-lines.ts';
import { truncate } from './text-width.ts';

/** Sections of a report about branches and checks. */

const outputLines = 10;

/** The branch of each agent with its changes, and whether checks have proven them. */
export function workTable({ workflow }: Pick<SessionFacts, 'workflow'>, canvas: Canvas): string[] {
  const rows = workflow.agents
    .filter(({ work, verify }) => work !== null || verify !== null)
    .map((agent) => {
      const { name, work } = agent;
      const commit = work?.commit ?? null;
      const changes = work === null || work.diff === null ? '' : diffText(work.diff);
      return [
        name,
        work?.branch ?? '',
        commit === null ? '' : shortCommit(commit),
        changes,
        proofCell(agent),
      ];
    });
  if (rows.length === 0) return [];
  const columns = [
    { title: 'AGENT' },
    { title: 'BRANCH', cut: 'middle' as const },
    { title: 'COMMIT', rank: 2 },
    { title: 'CHANGES', rank: 1 },
    { title: 'CHECK' },
  ];
  return renderTable(columns, rows, { ...canvas, width: canvas.width - 2 }).map((line) => `  ${line}`);
}

function proofCell(agent: Agent): Cell {
  if (agent.verify === null) return { text: 'none', format: 'dim' };
  const state = proofStateOf(agent);
  const formats: Readonly<Record<typeof state, Format>> = { passed: 'green', failed: 'red', none: 'dim' };
  const unproven = isAgentEnded(agent.state) ? 'none' : 'not yet';
  return { text: state === 'none' ? unproven : state, format: formats[state] };
}

/** The checks that run, and what agents mend after them. */
export function verifyingLines({ workflow }: Pick<SessionFacts, 'workflow'>, { width }: Canvas): string[] {
  return workflow.agents.flatMap((agent) => {
    const text = verifyingText(agent);
    return text === null ? [] : [truncate(`  ${agent.name}: ${text}`, width)];
  });
}

/** The last check of each agent that failed, with the end of its output. */
export function failedCheckLines(
  { workflow }: Pick<SessionFacts, 'workflow'>,
  { paint, width }: Canvas,
): string[] {
  return workflow.agents.flatMap(({ name, proof }) => {
    if (proof === null || proof.failed === null) return [];
    const { report, outputTail } = proof.failed;
    const at = report.commit === null ? '' : `, at commit ${shortCommit(report.commit)}`;
    const tail = textLines(outputTail).slice(-outputLines);
    const whole = `maos logs ${workflow.session.id} ${name} --check ${report.check}`;
    return [
      `  ${name}: ${showName(report.command)}: ${paint('red', oneLine(checkEndText(report)))}${at}`,
      ...restoredLines(report.restored, width),
      ...tail.map((line) => paint('dim', `    | ${truncate(line, width - 6)}`)),
      `    all of its output: ${whole}`,
    ];
  });
}

function restoredLines(paths: readonly string[], width: number): string[] {
  if (paths.length === 0) return [];
  return [truncate(`    protected files taken from the base: ${paths.map(showName).join(', ')}`, width)];
}
