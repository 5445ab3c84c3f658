import type { CliCommand, CommandContext } from '../command.ts';
import { SessionFinder } from '../facts/projects.ts';
import { mayBeginAgain } from '../run/beginning-again.ts';
import { detachOption, goOn, reasonOption, steerSession } from '../run/control-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const resumeCommand: CliCommand = {
  name: 'resume',
  summary: 'Go on with a paused session',
  details: [
    'Suspended agents go on, interrupted ones take up their conversation again, and what has not started does. A program that was ended, for instance by Ctrl-C on its maos, has no conversation: it starts again from the beginning, which is said before, and on a terminal asked. Where no maos runs the session, this one does, in the foreground as run: Ctrl-C hands it over.',
    'With --json, stdout is JSON lines as for run; one document where the session runs elsewhere.',
    'Exit status: as run, also 1 when the answer is no; 0 when it runs elsewhere, 4 the session is not paused.',
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
    { line: 'maos resume latest', says: 'the session started last, watched from here' },
    { line: 'maos resume k7q2 --detach', says: 'in the background' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const found = await new SessionFinder(context).session(context.args[0] as string);
  if (!(await mayBeginAgain(context, found.project.store.load(found.id)))) {
    context.terminal.notice(`${found.id} stays paused.`);
    return exitStatus.failed;
  }
  const resumed = await steerSession(context, 'resume', found);
  if (resumed === null) return exitStatus.interrupted;
  const { session } = resumed;
  return goOn(context, resumed, `${session.id} resumed.`);
}
