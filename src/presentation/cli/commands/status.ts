import { unattended } from '../../../application/queries/unattended.ts';
import type { CliCommand } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { factsOf, nextCommands, summaryRecord } from '../facts/session-facts.ts';
import { renderNext, renderReport } from '../render/session-report.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const statusCommand: CliCommand = {
  name: 'status',
  aliases: ['st'],
  summary: 'Show a session: its agents, results, failures and files',
  arguments: [sessionArgument],
  options: [allOption],
  examples: [
    { line: 'maos status', says: 'the newest session' },
    { line: 'maos status k7q2 --json', says: 'by the end of its id, as JSON' },
  ],
  async run(context) {
    const { args, terminal, json, program } = context;
    const session = await new SessionFinder(context).session(args[0] ?? 'latest');
    await adoptOrphans(context, session.project);
    const facts = { ...factsOf(session), unattended: await unattended(session.project, session.id) };
    if (json) {
      terminal.document(summaryRecord(facts));
      return exitStatus.done;
    }
    const { canvas } = terminal;
    const { workflow, liveStatus, messagesForUser } = facts;
    const waiting = { requests: liveStatus.requests, messagesForUser };
    const next = nextCommands(program, workflow, waiting).slice(0, 2);
    for (const line of [...renderReport(facts, canvas), '', ...renderNext(next, canvas)]) terminal.line(line);
    return exitStatus.done;
  },
};
