import { unattended } from '../../../application/queries/unattended.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { referenceTo } from '../facts/reference.ts';
import { factsOf, nextCommands, summaryRecord } from '../facts/session-facts.ts';
import { renderNext, renderReport } from '../render/session-report.ts';
import { attachSession } from '../run/view-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { adoptOrphans } from '../shell/owner-notice.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const statusCommand: CliCommand = {
  name: 'status',
  aliases: ['st'],
  summary: 'Show a session: its agents, results, failures and files',
  arguments: [sessionArgument],
  options: [
    {
      flags: '-w, --watch',
      description: 'show it live until it ends or pauses, then report; Ctrl-C leaves the view',
      kind: 'flag',
    },
    allOption,
  ],
  examples: [
    { line: 'maos status', says: 'the newest session' },
    { line: 'maos status k7q2 --json', says: 'by the end of its id, as JSON' },
    { line: 'maos status --watch', says: 'live, until it ends or pauses' },
  ],
  async run(context) {
    const { args, options, terminal, json, program } = context;
    const session = await new SessionFinder(context).session(args[0] ?? 'latest');
    if (options.flag('watch')) return watch(context, session);
    await adoptOrphans(context, session.project);
    const facts = { ...factsOf(session), unattended: await unattended(session.project, session.id) };
    if (json) {
      terminal.document(summaryRecord(facts));
      return exitStatus.done;
    }
    const { canvas } = terminal;
    const by = await referenceTo(context, session);
    const { workflow, liveStatus, messagesForUser, landedBy } = facts;
    const waiting = { requests: liveStatus.requests, messagesForUser, landedBy };
    const next = nextCommands(program, workflow, by, waiting).slice(0, 2);
    for (const line of [...renderReport(facts, canvas), '', ...renderNext(next, canvas)]) terminal.line(line);
    return exitStatus.done;
  },
};

/** The status of a session tells nothing about its success, live or not: that is for `wait` and `attach`. */
async function watch(context: CommandContext, session: OpenSession): Promise<number> {
  const status = await attachSession(context, session);
  return status === exitStatus.interrupted ? status : exitStatus.done;
}
