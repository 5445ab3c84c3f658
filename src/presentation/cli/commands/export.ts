import { resolve } from 'node:path';
import { exportSession } from '../../../application/export.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../exit-status.ts';
import { SessionFinder } from '../projects.ts';
import { formatBytes, oneLine, plural } from '../render/format.ts';
import { allOption, sessionArgument } from './session-argument.ts';

export const exportCommand: CliCommand = {
  name: 'export',
  summary: 'Write one archive with everything of a session',
  details:
    'A .tar.gz with its folder (logs, prompts, output, shared files, results, checkpoints), the stored session, all events with their hashes, and manifest.json with the SHA-256 of every file.',
  arguments: [sessionArgument],
  options: [
    { flags: '-o, --output <file>', description: 'where to (default: SESSION.tar.gz here)', kind: 'text' },
    { flags: '--force', description: 'replace the file if it exists', kind: 'flag' },
    allOption,
  ],
  examples: [
    { line: 'maos export latest', says: 'the session started last' },
    { line: 'maos export k7q2 -o ~/review.tar.gz', says: 'to a certain file' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, runtime, cwd } = context;
  const { project, id } = await new SessionFinder(context).session(args[0] ?? 'latest');
  const to = resolve(cwd, options.text('output') ?? `${id}.tar.gz`);
  const interrupted = context.watchInterrupts();
  try {
    const { version } = runtime();
    const replace = options.flag('force');
    const report = await exportSession(project, id, to, { replace, version, signal: interrupted });
    const { path, files, contentBytes, archiveBytes, notes } = report;
    if (json) {
      terminal.document({
        session_id: id,
        path,
        files,
        content_bytes: contentBytes,
        archive_bytes: archiveBytes,
        notes,
      });
    } else {
      terminal.line(
        `${path}: ${plural(files, 'file')}, ${formatBytes(contentBytes)} (${formatBytes(archiveBytes)} packed).`,
      );
      for (const { path: file, note } of notes) terminal.notice(`${oneLine(file)}: ${oneLine(note)}`);
    }
    return exitStatus.done;
  } catch (error) {
    // Nothing is left of what was written so far.
    if (interrupted.aborted) return exitStatus.interrupted;
    throw error;
  }
}
