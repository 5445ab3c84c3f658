import type { CliCommand, CommandContext } from '../command.ts';
import { agentCounts, reasonOption, report, steerSession } from '../run/control-session.ts';
import { letGoOf } from '../run/follow-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const pauseCommand: CliCommand = {
  name: 'pause',
  summary: 'Pause a session; resume goes on where it stopped',
  details: [
    'Agents whose CLI can take up its conversation again are interrupted; others are suspended: their processes stand still. Returns when nothing of the session works any more.',
    'Exit status: 0 paused, 4 the session has ended.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [reasonOption, allOption],
  examples: [{ line: 'maos pause latest', says: 'the session started last' }],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const paused = await steerSession(context, 'pause');
  if (paused === null) return exitStatus.interrupted;
  const { workflow, already } = paused.steered;
  const { id, state } = workflow.session;
  // Where this process had to take the session over, it still holds it.
  await letGoOf(context, paused.session);
  const was = already ? 'was paused before' : state;
  const tooLate = state === 'paused' ? '' : ' It ended before it could be paused.';
  report(context, paused, `${id} ${was}: ${agentCounts(workflow)}.${tooLate}`);
  return state === 'paused' ? exitStatus.done : exitStatus.notPossible;
}
