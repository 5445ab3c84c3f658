import { type AuditReport, verifyAudit } from '../../../application/maintenance/audit.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption } from './session-argument.ts';

export const auditCommand: CliCommand = {
  name: 'audit',
  summary: "Verify the hash chain of a session's event log",
  details:
    "'verify' recomputes the hash chain over the session's events and compares session.log, the checkpoints and the logs of checks with it. It names every record that was changed, removed, added or moved, and every check whose logs were changed. Exit status: 0 intact, 1 not.",
  arguments: [
    { syntax: '<verify>', description: "action: 'verify'", choices: ['verify'] },
    {
      syntax: '[session]',
      description: "id, an unambiguous part of its start or end, or 'latest' (default)",
    },
  ],
  options: [allOption],
  examples: [
    { line: 'maos audit verify latest', says: 'the newest session' },
    {
      line: 'maos audit verify k7q2 --json',
      says: 'includes the hash of the last record, to keep elsewhere',
    },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, terminal, json } = context;
  const [action, reference = 'latest'] = args;
  if (action !== 'verify') {
    throw new MaosError(
      'INVALID_INPUT',
      `Unknown action ${quote(action)}. Use 'maos audit verify SESSION'.`,
      { details: { command: 'audit' } },
    );
  }
  const { project, id } = await new SessionFinder(context).session(reference);
  const report = await verifyAudit(project, id);
  if (json) terminal.document(reportView(report));
  else for (const line of render(report, context)) terminal.line(line);
  return report.sound ? exitStatus.done : exitStatus.failed;
}

function reportView(report: AuditReport) {
  return {
    session_id: report.session,
    sound: report.sound,
    first_bad_seq: report.problems[0]?.seq ?? null,
    events: report.events,
    last_hash: report.lastHash,
    log_records: report.logRecords,
    log_behind: report.logBehind,
    check_logs: report.checkLogs,
    check_logs_missing: report.checkLogsMissing,
    problems: report.problems,
  };
}

function logsText({ checkLogs, checkLogsMissing }: AuditReport): string {
  if (checkLogs + checkLogsMissing === 0) return '';
  const missing = checkLogsMissing === 0 ? '' : `; the logs of ${checkLogsMissing} more are missing`;
  return ` with the logs of ${plural(checkLogs, 'check')}${missing}`;
}

function render(report: AuditReport, { terminal }: CommandContext): string[] {
  const { paint } = terminal.canvas;
  const records = plural(report.events, 'record');
  if (report.sound) {
    const behind = report.logBehind === 0 ? '' : ` session.log is ${report.logBehind} behind.`;
    return [
      `${paint('green', '✓')} ${report.session} is intact: ${records} verified${logsText(report)}.${behind}`,
      `  last hash ${report.lastHash}`,
    ];
  }
  return [
    `${paint('red', '✗')} ${report.session} was altered (${records} in the database).`,
    ...report.problems.map(({ where, kind, message }) => `  ${where}: ${kind}. ${oneLine(message)}`),
  ];
}
