import { agentOfSession } from '../../../application/control/follow-control.ts';
import type { Project } from '../../../application/project.ts';
import { plural } from '../../../domain/amounts.ts';
import type { EventData } from '../../../domain/events.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { alreadyInState, inState } from '../../../domain/state-words.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import {
  agentOption,
  type ControlledSession,
  controlSession,
  reasonOption,
  report,
} from '../run/control-session.ts';
import { untilReleased } from '../run/follow-session.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { allOption, neededSessionArgument } from './session-argument.ts';

type Stopped = EventData['agent.stopped'];

export const cancelCommand: CliCommand = {
  name: 'cancel',
  summary: 'Cancel a session or one of its agents',
  details: [
    'Stops the agents, and returns when all their processes have ended. Cancelling one agent also cancels the agents that depend on it; the others continue.',
    'Exit status: 0 cancelled, 1 some processes could not be ended, 4 it had already ended.',
  ].join('\n'),
  arguments: [neededSessionArgument],
  options: [agentOption, reasonOption, allOption],
  examples: [
    { line: 'maos cancel latest', says: 'the newest session' },
    { line: "maos cancel k7q2 --reason 'wrong branch'", says: 'with a reason' },
    { line: 'maos cancel latest --agent survey', says: 'one agent' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const cancelled = await controlSession(context, 'cancel');
  if (cancelled === null) return exitStatus.interrupted;
  const { session, result } = cancelled;
  const wholeSession = context.options.text('agent') === undefined;
  const goesOn = result.workflow.session.state === 'running';
  // If this process had to take the session over, it still owns it.
  if (!goesOn) await untilReleased(context, session);
  const stopped = stoppedSince(session.project, session.id, result.after);
  const survivors = stopped.reduce((sum, stop) => sum + stop.survivors, 0);
  const said = wholeSession ? sessionSaid(cancelled, stopped) : agentSaid(context, cancelled, survivors);
  await report(context, cancelled, said, { stopped_agents: stopped.map(stopView), survivors });
  if (session.supervisor.owned.includes(session.id)) await context.detach('keep');
  if (!isCancelled(result.workflow, context.options.text('agent'))) return exitStatus.notPossible;
  return survivors === 0 ? exitStatus.done : exitStatus.failed;
}

function isCancelled(workflow: Workflow, agent: string | undefined): boolean {
  const { state } = agent === undefined ? workflow.session : agentOfSession(workflow, agent);
  return state === 'cancelled';
}

function sessionSaid({ result }: ControlledSession, stopped: readonly Stopped[]): string {
  const { session, agents } = result.workflow;
  if (result.already) return `${session.id} ${alreadyInState(session.state)}.`;
  const { completed, total } = progressOf(agents);
  const survivors = stopped.reduce((sum, stop) => sum + stop.survivors, 0);
  return `${session.id} ${session.state}: ${plural(stopped.length, 'running agent')} stopped, ${completed} of ${total} had completed, ${plural(survivors, 'process', 'processes')} left.`;
}

function agentSaid(
  { options }: CommandContext,
  { result: { workflow, already } }: ControlledSession,
  survivors: number,
): string {
  const { state } = workflow.session;
  const agent = agentOfSession(workflow, options.text('agent') as string);
  const was = already ? alreadyInState(agent.state) : agent.state;
  return `${agent.name} (${agent.id}) ${was}, ${plural(survivors, 'process', 'processes')} left. The session ${inState(state)}.`;
}

function stoppedSince(project: Project, id: SessionId, after: number): readonly Stopped[] {
  const stopped: Stopped[] = [];
  for (let last = after; ; ) {
    const events = project.store.events(id, last, 500);
    for (const event of events) if (event.type === 'agent.stopped') stopped.push(event.data);
    const newest = events.at(-1);
    if (newest === undefined) return stopped;
    last = newest.seq;
  }
}

function stopView({ name, signals, survivors, tookMs }: Stopped) {
  return { name, signals, survivors, took_ms: tookMs };
}
