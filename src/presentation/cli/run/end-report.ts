import type { CommandContext } from '../command.ts';
import type { OpenSession } from '../facts/projects.ts';
import { referenceTo } from '../facts/reference.ts';
import { factsOf, nextCommands, summaryRecord } from '../facts/session-facts.ts';
import { commandsOf } from '../render/report-landing.ts';
import { renderSummary } from '../render/session-summary.ts';
import { statusOfSession } from '../shell/exit-status.ts';

/** Additions of a command to {@link reportEnd}. */
export interface ReportExtras {
  /** Merged into the last JSON record. */
  readonly record?: Readonly<Record<string, unknown>>;
  /** Lines before the suggested commands. */
  readonly lines?: readonly string[];
  readonly next?: readonly (readonly [line: string, says: string])[];
}

/**
 * Reports on a session that has ended or paused, as the last output of a command that followed it.
 * @returns the exit status
 */
export async function reportEnd(
  context: CommandContext,
  session: Pick<OpenSession, 'project' | 'id'>,
  extras: ReportExtras = {},
): Promise<number> {
  const { terminal, json } = context;
  const { id } = session;
  const facts = factsOf(session);
  const status = statusOfSession(facts.workflow, facts.landed, facts.liveStatus.troubles.length > 0);
  if (terminal.outputLost.aborted) {
    terminal.notice(`${id} ${facts.workflow.session.state}. See it with: ${context.program} status ${id}`);
    return status;
  }
  if (json) {
    terminal.record({ type: 'summary', ...summaryRecord(facts), exit_status: status, ...extras.record });
    return status;
  }
  const { workflow, messagesForUser, landedBy } = facts;
  const by = await referenceTo(context, session);
  const take = commandsOf(facts.landed ?? []).map((line) => [line, 'take the work that waits'] as const);
  const next = [
    ...take,
    ...nextCommands(context.program, workflow, by, { messagesForUser, landedBy }),
    ...(extras.next ?? []),
  ];
  const { canvas } = terminal;
  // On a terminal the report replaces the live view; elsewhere it follows the event lines.
  if (!terminal.redraws) terminal.line();
  const options = { program: context.program, session: by.session, next, lines: extras.lines };
  for (const line of renderSummary(facts, canvas, options)) terminal.line(line);
  return status;
}
