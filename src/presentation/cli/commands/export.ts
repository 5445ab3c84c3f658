import { resolve } from 'node:path';
import { exportSession } from '../../../application/maintenance/export.ts';
import type { ArchiveReport } from '../../../application/ports/maintenance.ts';
import { plural } from '../../../domain/amounts.ts';
import { MaosError } from '../../../domain/errors.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { formatBytes } from '../render/format.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const exportCommand: CliCommand = {
  name: 'export',
  summary: 'Export a session with all its files as one archive',
  details:
    "Writes a .tar.gz with the session's folder (logs, prompts, output, shared files, results, checkpoints), its database rows, all events with their hashes, the messages, the requests with their answers, and manifest.json with the SHA-256 of every file.",
  arguments: [sessionArgument],
  options: [
    {
      flags: '-o, --output <file>',
      description: "output file (default: SESSION.tar.gz in the current folder); '-' for stdout",
      kind: 'text',
    },
    { flags: '--force', description: 'replace the file if it exists', kind: 'flag' },
    allOption,
  ],
  examples: [
    { line: 'maos export latest', says: 'the newest session' },
    { line: 'maos export k7q2 -o ~/review.tar.gz', says: 'to a named file' },
    { line: 'maos export -o - | ssh backup "cat > team.tar.gz"', says: 'to another program' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, runtime, cwd } = context;
  const { project, id } = await new SessionFinder(context).session(args[0] ?? 'latest');
  const output = options.text('output') ?? `${id}.tar.gz`;
  const packing = { replace: options.flag('force'), version: runtime().version };
  if (output === '-') {
    assertForPrograms(context);
    const { notes } = await exportSession(project, id, (piece) => terminal.send(piece), packing);
    sayNotes(notes, context);
    return exitStatus.done;
  }
  const interrupted = context.watchInterrupts();
  try {
    const to = resolve(cwd, output);
    const report = await exportSession(project, id, to, { ...packing, signal: interrupted });
    const { files, contentBytes, archiveBytes, notes } = report;
    if (json) {
      terminal.document({
        session_id: id,
        path: to,
        files,
        content_bytes: contentBytes,
        archive_bytes: archiveBytes,
        notes,
      });
    } else {
      terminal.line(
        `${showName(to)}: ${plural(files, 'file')}, ${formatBytes(contentBytes)} (${formatBytes(archiveBytes)} packed).`,
      );
      sayNotes(notes, context);
    }
    return exitStatus.done;
  } catch (error) {
    // The unfinished archive has already been removed.
    if (interrupted.aborted) return exitStatus.interrupted;
    throw error;
  }
}

/** @throws MaosError INVALID_INPUT when stdout is a terminal or carries JSON */
function assertForPrograms({ terminal, json }: CommandContext): void {
  const why = json
    ? "--json and '-o -' both write to stdout: use only one of them"
    : terminal.live
      ? 'stdout is a terminal: redirect the archive to a file or a program'
      : null;
  if (why === null) return;
  throw new MaosError('INVALID_INPUT', `export --output -: ${why}.`, { details: { command: 'export' } });
}

function sayNotes(notes: ArchiveReport['notes'], { terminal }: CommandContext): void {
  for (const { path, note } of notes) terminal.notice(`${showName(path)}: ${oneLine(note)}`);
}
