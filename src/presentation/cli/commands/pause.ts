import type { CliCommand, CommandContext } from '../command.ts';
import { agentCounts, controlSession, reasonOption, report } from '../run/control-session.ts';
import { untilReleased } from '../run/follow-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const pauseCommand: CliCommand = {
  name: 'pause',
  summary: "Pause a session (continue with 'maos resume')",
  details: [
    'Agents whose CLI can resume its conversation are interrupted; all others are suspended (SIGSTOP). Returns when no agent of the session is working.',
    'Exit status: 0 paused, 4 the session has ended.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [reasonOption, allOption],
  examples: [{ line: 'maos pause latest', says: 'the newest session' }],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const paused = await controlSession(context, 'pause');
  if (paused === null) return exitStatus.interrupted;
  const { workflow, already } = paused.result;
  const { id, state } = workflow.session;
  // If this process had to take the session over, it still owns it.
  await untilReleased(context, paused.session);
  const was = already ? 'is already paused' : state;
  const tooLate = state === 'paused' ? '' : ' It ended before it could be paused.';
  await report(context, paused, `${id} ${was}: ${agentCounts(workflow)}.${tooLate}`);
  return state === 'paused' ? exitStatus.done : exitStatus.notPossible;
}
