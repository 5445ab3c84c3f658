import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../exit-status.ts';
import { detachOption, goOn, reasonOption, steerSession } from '../run/steer-session.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const resumeCommand: CliCommand = {
  name: 'resume',
  summary: 'Go on with a paused session',
  details: [
    'Suspended agents go on, interrupted ones take up their conversation again, and what has not started does. Where no maos runs the session, this one does, in the foreground as run: Ctrl-C hands it over.',
    'With --json, stdout is JSON lines as for run; one document where the session runs elsewhere.',
    'Exit status: as run; 0 when it runs elsewhere, 4 the session is not paused.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [detachOption, reasonOption, allOption],
  examples: [
    { line: 'maos resume latest', says: 'the session started last, watched from here' },
    { line: 'maos resume k7q2 --detach', says: 'in the background' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const resumed = await steerSession(context, 'resume');
  if (resumed === null) return exitStatus.interrupted;
  const { steered, session } = resumed;
  const said = steered.already ? `${session.id} runs already.` : `${session.id} resumed.`;
  return goOn(context, resumed, said);
}
