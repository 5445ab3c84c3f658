import type { Agent } from '../../../domain/agent.ts';
import { plural } from '../../../domain/amounts.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { Canvas } from '../shell/terminal.ts';
import type { SessionFacts } from './report-facts.ts';
import { lookOf } from './states.ts';
import { textLines } from './text-lines.ts';
import { truncate } from './text-width.ts';

/** Sections of a report about what agents gave, and what they were refused. */

const resultLines = 3;
const stderrLines = 10;
const maxDenials = 5;

export function resultOf(agent: Agent, { paint, width }: Canvas): string[] {
  if (agent.state !== 'completed' || agent.result === null) return [];
  const lines = textLines(agent.result);
  if (lines.length === 0) return [];
  // An agent's text begins with the important part; a program's output ends with it.
  const fromEnd = agent.command !== null;
  const shown = fromEnd ? lines.slice(-resultLines) : lines.slice(0, resultLines);
  const left = lines.length - shown.length;
  const cut =
    left === 0 ? [] : [paint('dim', `    … ${plural(left, 'line')}${fromEnd ? ' before' : ' more'}`)];
  const texts = shown.map((line) => `    ${truncate(line, width - 4)}`);
  return [`  ${agent.name}`, ...(fromEnd ? [...cut, ...texts] : [...texts, ...cut])];
}

export function failureOf({ failure, name, state }: Agent, { paint, width }: Canvas): string[] {
  if (failure === null) return [];
  const { format } = lookOf(state);
  // The section on failed checks has the output of this one.
  const stderr = failure.kind === 'verification_failed' ? '' : failure.stderrTail;
  const tail = textLines(stderr).slice(-stderrLines);
  return [
    `  ${name}: ${paint(format, failure.kind)}: ${oneLine(failure.message)}`,
    ...tail.map((line) => paint('dim', `    | ${truncate(line, width - 6)}`)),
  ];
}

/** Agents whose CLI has started sub-agents. */
export function subagentLines({ workflow }: SessionFacts, { width }: Canvas): string[] {
  return workflow.agents.flatMap(({ name, subagents }) =>
    subagents === 0 ? [] : [truncate(`  ${name}: ${subagents} started`, width)],
  );
}

/** What an agent's CLI was not permitted to do. */
export function denialsOf({ name, denials }: Agent, { paint, width }: Canvas): string[] {
  if (denials === null) return [];
  const shown = denials.shown.slice(0, maxDenials);
  const more = denials.count - shown.length;
  return [
    `  ${name}`,
    ...shown.map((denial) => truncate(`    ${oneLine(denial)}`, width)),
    ...(more > 0 ? [paint('dim', `    … ${more} more`)] : []),
  ];
}
