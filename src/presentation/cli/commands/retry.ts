import { plural } from '../../../domain/amounts.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { budgetFromOptions, budgetOptions } from '../run/budget-options.ts';
import { agentOption, controlSession, detachOption, goOn, reasonOption } from '../run/control-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

export const retryCommand: CliCommand = {
  name: 'retry',
  summary: 'Retry the failed agents of a session and their dependents',
  details: [
    "Completed agents never run again. If a budget is used up, --max-… replaces it: the session's, which counts all attempts, or with --agent that of the agent. If no maos process runs the session, this one runs it in the foreground, as 'maos run' does; Ctrl-C moves it to the background. If another one runs it, a terminal shows it live, and Ctrl-C only leaves the view.",
    'With --json, stdout is JSON lines, as for run; or one document if another process runs the session.',
    'Exit status: as for run; 0 if another process runs the session and it is not shown live, 4 nothing failed or the session was cancelled, 5 its budget is used up.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [agentOption, ...budgetOptions, detachOption, reasonOption, allOption],
  examples: [
    {
      line: 'maos retry latest',
      says: 'every agent that failed, or was cancelled because of one that failed',
    },
    {
      line: 'maos retry latest --agent build',
      says: 'one agent, and the dependents cancelled because of it',
    },
    {
      line: 'maos retry latest --max-tokens 400000',
      says: 'continue with a larger budget',
    },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const retried = await controlSession(context, 'retry', undefined, budgetFromOptions(context.options));
  if (retried === null) return exitStatus.interrupted;
  const { session, result } = retried;
  const again = namesRetried(retried.session, result.after);
  return goOn(
    context,
    retried,
    `${session.id} retried: ${plural(again.length, 'agent')} queued (${again.join(', ')}).`,
  );
}

function namesRetried({ project, id }: NonNullable<Retried>['session'], after: number): readonly string[] {
  const names: string[] = [];
  for (const event of project.store.events(id, after, 1_000)) {
    if (event.type === 'agent.retried') names.push(event.data.name);
  }
  return names;
}

type Retried = Awaited<ReturnType<typeof controlSession>>;
