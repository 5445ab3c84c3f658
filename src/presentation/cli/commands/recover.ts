import { resolve } from 'node:path';
import { findFolder, recoverFromFile, recoverSession } from '../../../application/maintenance/recover.ts';
import { plural } from '../../../domain/amounts.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import { workflowView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const recoverCommand: CliCommand = {
  name: 'recover',
  summary: 'Restore a session from its files',
  details:
    'Use it when project.db was deleted, or was damaged and moved away. The session is rebuilt from the newest checkpoint and the log in its folder. A session that had not ended continues in the background; agents that had ended do not run again.',
  arguments: [
    {
      syntax: '[session]',
      description: "id of the session's folder, an unambiguous part of it, or 'latest' (default)",
    },
  ],
  options: [
    {
      flags: '--from-checkpoint <file>',
      description: 'checkpoint to use instead of the newest',
      kind: 'text',
    },
    { flags: '--only', description: 'restore the session without running it', kind: 'flag' },
  ],
  examples: [
    { line: 'maos recover latest', says: 'the newest session' },
    { line: 'maos recover --from-checkpoint 0042.json', says: 'from an older checkpoint' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, runtime, projectPath, program, cwd } = context;
  const { project } = await runtime().openProject(projectPath);
  const file = options.text('from-checkpoint');
  const { workflow, checkpoint, events, passedOver } =
    file === undefined
      ? await recoverSession(project, await findFolder(project, args[0] ?? 'latest'))
      : await recoverFromFile(project, resolve(cwd, file));
  const { id, state } = workflow.session;
  const goesOn = !isSessionEnded(state) && state !== 'paused';
  const started = goesOn && !options.flag('only') ? await runtime().adoptOrphans(project) : [];
  if (json) {
    terminal.document({
      ...workflowView(workflow, null),
      recovered_from: checkpoint,
      events,
      passed_over: passedOver,
      started: started.includes(id),
      project: project.path,
    });
    return exitStatus.done;
  }
  for (const line of passedOver) terminal.notice(`Skipped: ${oneLine(line)}`);
  terminal.line(
    `${id} of ${showName(project.path)} was restored (${state}) from ${checkpoint} and ${plural(events, 'record')} of session.log.`,
  );
  if (started.includes(id)) terminal.line(`It continues in the background: ${program} wait ${id}`);
  else if (state === 'paused') terminal.line(`It is paused: ${program} resume ${id}`);
  else if (goesOn) terminal.line('The next long-running maos process will adopt it.');
  return exitStatus.done;
}
