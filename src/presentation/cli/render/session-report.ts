import { plainText } from '../../../application/agent-output.ts';
import type { ArtifactRecord } from '../../../application/ports.ts';
import type { Agent } from '../../../domain/agent.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { totalUsage } from '../../../domain/usage.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import type { Canvas } from '../terminal.ts';
import {
  formatBytes,
  formatCost,
  formatCount,
  formatDuration,
  formatUsage,
  oneLine,
  plural,
  tokensOf,
} from './format.ts';
import { lookOf } from './states.ts';
import { renderTable } from './table.ts';
import { displayWidth, truncate } from './text-width.ts';

/** What a report tells of a session. */
export interface SessionFacts {
  readonly workflow: Workflow;
  readonly artifacts: readonly ArtifactRecord[];
  /** The session's folder. */
  readonly folder: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

const resultLines = 3;
const stderrLines = 10;
const maxFiles = 20;

/** The whole of a session for people: state, agents, results, failures, files and where they lie. */
export function renderReport(facts: SessionFacts, canvas: Canvas): string[] {
  const { workflow, artifacts, folder } = facts;
  const sections = [
    [sessionLine(facts, canvas), `  ${truncate(oneLine(workflow.session.objective), canvas.width - 2)}`],
    agentTable(facts, canvas),
    section(
      'Results',
      workflow.agents.flatMap((agent) => resultOf(agent, canvas)),
      canvas,
    ),
    section(
      'Failures',
      workflow.agents.flatMap((agent) => failureOf(agent, canvas)),
      canvas,
    ),
    section('Files left', fileLines(artifacts, workflow, canvas), canvas),
    [`${canvas.paint('bold', 'Session folder')}  ${folder}`],
  ];
  return sections
    .filter((lines) => lines.length > 0)
    .flatMap((lines, index) => (index === 0 ? lines : ['', ...lines]));
}

/** Commands worth trying next, with what they do. */
export function renderNext(
  commands: readonly (readonly [line: string, says: string])[],
  { paint }: Canvas,
): string[] {
  const width = Math.max(...commands.map(([line]) => displayWidth(line)));
  return [
    paint('bold', 'Next'),
    ...commands.map(([line, says]) => `  ${line.padEnd(width)}  ${paint('dim', says)}`),
  ];
}

function sessionLine({ workflow, now }: SessionFacts, { paint }: Canvas): string {
  const { session, agents } = workflow;
  const { completed, total } = progressOf(agents);
  const { symbol, format } = lookOf(session.state);
  const facts = [
    `${completed} of ${total} agents completed`,
    durationOf(session, now),
    formatUsage(totalUsage(agents.map(({ usage }) => usage))),
  ].filter((fact) => fact !== null);
  const state = session.pauseReason === null ? session.state : `paused (${session.pauseReason})`;
  return `${paint(format, symbol)} ${paint('bold', session.id)} ${paint(format, state)}  ${facts.join(' · ')}`;
}

function durationOf({ startedAt, endedAt }: Session, now: number): string | null {
  if (startedAt === null) return null;
  return formatDuration((endedAt === null ? now : Date.parse(endedAt)) - Date.parse(startedAt));
}

function agentTable({ workflow, now }: SessionFacts, canvas: Canvas): string[] {
  const names = new Map(workflow.agents.map(({ id, name }) => [id, name]));
  const rows = workflow.agents.map((agent) => {
    const { symbol, format } = lookOf(agent.state);
    const ended = agent.endedAt === null ? now : Date.parse(agent.endedAt);
    const time = agent.startedAt === null ? '' : formatDuration(ended - Date.parse(agent.startedAt));
    const after = agent.dependsOn.map((id) => names.get(id) ?? id).join(', ');
    return [
      { text: symbol, format },
      agent.name,
      agent.role.name,
      agent.backend,
      { text: agent.state, format },
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
    { title: 'ROLE' },
    { title: 'BACKEND' },
    { title: 'STATE' },
    { title: 'TIME', align: right },
    { title: 'TOKENS', align: right },
    { title: 'COST', align: right },
    { title: 'ID' },
    { title: 'AFTER' },
  ];
  return renderTable(columns, rows, canvas);
}

function section(title: string, lines: readonly string[], { paint }: Canvas): string[] {
  return lines.length === 0 ? [] : [paint('bold', title), ...lines];
}

function resultOf(agent: Agent, { paint, width }: Canvas): string[] {
  if (agent.state !== 'completed' || agent.result === null) return [];
  const lines = textLines(agent.result);
  if (lines.length === 0) return [];
  // An agent begins with what matters; a program ends with it.
  const fromEnd = agent.backend === 'command';
  const shown = fromEnd ? lines.slice(-resultLines) : lines.slice(0, resultLines);
  const left = lines.length - shown.length;
  const cut =
    left === 0 ? [] : [paint('dim', `    … ${plural(left, 'line')}${fromEnd ? ' before' : ' more'}`)];
  const texts = shown.map((line) => `    ${truncate(line, width - 4)}`);
  return [`  ${agent.name}`, ...(fromEnd ? [...cut, ...texts] : [...texts, ...cut])];
}

function failureOf({ failure, name, state }: Agent, { paint, width }: Canvas): string[] {
  if (failure === null) return [];
  const { format } = lookOf(state);
  const tail = textLines(failure.stderrTail).slice(-stderrLines);
  return [
    `  ${name}: ${paint(format, failure.kind)}: ${oneLine(failure.message)}`,
    ...tail.map((line) => paint('dim', `    | ${truncate(line, width - 6)}`)),
  ];
}

function textLines(text: string): string[] {
  return plainText(text)
    .replaceAll('\t', '    ')
    .split('\n')
    .map((line) => line.trimEnd())
    .filter((line) => line !== '');
}

function fileLines(artifacts: readonly ArtifactRecord[], { agents }: Workflow, canvas: Canvas): string[] {
  if (artifacts.length === 0) return [];
  const names = new Map<string, string>(agents.map(({ id, name }) => [id, name]));
  const rows = artifacts.slice(0, maxFiles).map(({ path, sizeBytes, by, candidates }) => {
    const author = by === null ? candidates.join(' or ') : (names.get(by) ?? by);
    return [oneLine(path), formatBytes(sizeBytes), author];
  });
  const columns = [{ title: 'FILE' }, { title: 'SIZE', align: 'right' as const }, { title: 'BY' }];
  const more = artifacts.length > maxFiles ? [`… ${artifacts.length - maxFiles} more`] : [];
  const inner = { ...canvas, width: canvas.width - 2 };
  return [...renderTable(columns, rows, inner), ...more].map((line) => `  ${line}`);
}
