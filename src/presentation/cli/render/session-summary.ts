import type { Canvas } from '../shell/terminal.ts';
import { agentTable } from './report-agents.ts';
import type { SessionFacts } from './report-facts.ts';
import { resultOf } from './report-outcomes.ts';
import {
  aboutLines,
  conditionSections,
  failureSections,
  folderLine,
  joinSections,
  renderNext,
  section,
  sessionLine,
  workSections,
} from './session-report.ts';
import { stateCounts } from './states.ts';

/** Larger teams would push what matters off the screen: their results and most of their agents are for `maos status`. */
const maxAgents = 12;
const maxFailures = 5;

interface SummaryOptions {
  readonly program: string;
  /** The word by which commands name the session. */
  readonly session: string;
  readonly next: readonly (readonly [line: string, says: string])[];
  /** Further lines before the commands. */
  readonly lines?: readonly string[] | undefined;
}

/**
 * The report at the end of a run. What matters most comes last, where the user looks: failures, the next commands, and
 * the state with its counts as the last line.
 */
export function renderSummary(
  facts: SessionFacts,
  canvas: Canvas,
  { program, session: word, next, lines = [] }: SummaryOptions,
): string[] {
  const { agents } = facts.workflow;
  const isLarge = agents.length > maxAgents;
  // What failed by itself comes before what was cancelled because of it.
  const failedFirst = agents.toSorted((a, b) => Number(b.state === 'failed') - Number(a.state === 'failed'));
  const failed = (isLarge ? failedFirst : agents).filter(({ failure }) => failure !== null);
  const shown = isLarge
    ? failedFirst.filter(({ state }) => state !== 'completed').slice(0, maxAgents)
    : agents;
  const rest = agents.filter((agent) => !shown.includes(agent));
  const more = (what: string): string => canvas.paint('dim', `  … ${what}: ${program} status ${word}`);
  return joinSections([
    aboutLines(facts, canvas),
    ...conditionSections(facts, canvas),
    section('Results', isLarge ? [] : agents.flatMap((agent) => resultOf(agent, canvas)), canvas),
    ...workSections(facts, canvas),
    [folderLine(facts, canvas)],
    [
      ...(shown.length === 0 ? [] : agentTable(facts, canvas, shown)),
      ...(rest.length === 0 ? [] : [more(stateCounts(rest))]),
    ],
    ...failureSections(facts, canvas, isLarge ? failed.slice(0, maxFailures) : failed),
    isLarge && failed.length > maxFailures ? [more(`${failed.length - maxFailures} more`)] : [],
    lines,
    renderNext(next, canvas),
    [sessionLine(facts, canvas)],
  ]);
}
