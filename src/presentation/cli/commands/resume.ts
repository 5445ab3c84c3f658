import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { mayBeginAgain } from '../run/beginning-again.ts';
import { controlSession, detachOption, goOn, reasonOption } from '../run/control-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const resumeCommand: CliCommand = {
  name: 'resume',
  summary: 'Resume a paused session',
  details: [
    "Suspended agents continue, interrupted agents resume their conversation, and pending agents start. A program that was stopped (for example by Ctrl-C on its maos) has no conversation and starts again from the beginning; maos says so first, and on a terminal asks. If no maos process runs the session, this one runs it in the foreground, as 'maos run' does; Ctrl-C moves it to the background. If another one runs it, a terminal shows it live, and Ctrl-C only leaves the view.",
    'With --json, stdout is JSON lines, as for run; or one document if another process runs the session.',
    'Exit status: as for run; also 7 if you answer no, 0 if another process runs the session and it is not shown live, 4 the session is not paused.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [
    detachOption,
    {
      flags: '-y, --yes',
      description: 'do not ask before a program starts again from the beginning',
      kind: 'flag',
    },
    reasonOption,
    allOption,
  ],
  examples: [
    { line: 'maos resume latest', says: 'the newest session, in the foreground' },
    { line: 'maos resume k7q2 --detach', says: 'in the background' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const found = await new SessionFinder(context).session(context.args[0] as string);
  if (!(await mayBeginAgain(context, found.project.store.load(found.id)))) {
    context.terminal.notice(`${found.id} stays paused.`);
    return exitStatus.paused;
  }
  const resumed = await controlSession(context, 'resume', found);
  if (resumed === null) return exitStatus.interrupted;
  const { session } = resumed;
  return goOn(context, resumed, `${session.id} resumed.`);
}
