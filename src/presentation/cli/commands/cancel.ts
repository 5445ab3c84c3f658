import { requestCancel } from '../../../application/control.ts';
import { followEvents } from '../../../application/event-feed.ts';
import type { EventData } from '../../../domain/events.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import { isSessionEnded } from '../../../domain/session.ts';
import { workflowView } from '../../contracts/views.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { exitStatus } from '../exit-status.ts';
import { type OpenSession, SessionFinder } from '../projects.ts';
import { plural } from '../render/format.ts';
import { neededSessionArgument } from './session-argument.ts';

type Stopped = EventData['agent.stopped'];

export const cancelCommand: CliCommand = {
  name: 'cancel',
  summary: 'Cancel a session and stop its agents',
  details:
    'Returns when nothing of the session runs any more. Exit status: 0 cancelled, 1 processes could not be ended, 4 the session had already ended.',
  arguments: [neededSessionArgument],
  options: [{ flags: '--reason <text>', description: 'why, for the event log', kind: 'text' }],
  examples: [
    { line: 'maos cancel latest', says: 'the session started last' },
    { line: "maos cancel k7q2 --reason 'wrong branch'", says: 'with a reason' },
  ],
  run,
};

async function run(context: CommandContext): Promise<number> {
  const { args, options, terminal, json, runtime, projectPath } = context;
  const session = await new SessionFinder(runtime(), projectPath).session(args[0] as string);
  const { project, supervisor, id } = session;
  const interrupted = context.watchInterrupts();
  const after = project.store.lastSeq(id);
  const already = project.store.summary(id).session.state === 'cancelled';
  await requestCancel(
    project,
    supervisor,
    id,
    'terminal',
    options.text('reason') ?? 'Cancelled from the terminal.',
  );
  const stopped = await waitUntilEnded(session, after, interrupted);
  if (interrupted.aborted) {
    await context.handOver();
    return exitStatus.interrupted;
  }
  // Where this process had to take the session over, its files are still being finished.
  await supervisor.idle();
  const workflow = project.store.load(id);
  const survivors = stopped.reduce((sum, stop) => sum + stop.survivors, 0);
  if (json) {
    terminal.document({ ...workflowView(workflow), stopped_agents: stopped.map(stopView), survivors });
  } else if (already) {
    terminal.line(`${id} was cancelled before.`);
  } else {
    const { completed, total } = progressOf(workflow.agents);
    terminal.line(
      `${id} ${workflow.session.state}: ${plural(stopped.length, 'running agent')} stopped, ${completed} of ${total} had completed, ${plural(survivors, 'process', 'processes')} left.`,
    );
  }
  return survivors === 0 ? exitStatus.done : exitStatus.failed;
}

/** @returns what was stopped on the way */
async function waitUntilEnded(
  { project, id }: OpenSession,
  after: number,
  interrupted: AbortSignal,
): Promise<readonly Stopped[]> {
  const stopped: Stopped[] = [];
  const ended = new AbortController();
  const isEnded = (): boolean => isSessionEnded(project.store.summary(id).session.state);
  if (isEnded() && project.store.lastSeq(id) <= after) return stopped;
  for await (const events of followEvents(project, id, after, AbortSignal.any([interrupted, ended.signal]))) {
    for (const event of events) if (event.type === 'agent.stopped') stopped.push(event.data);
    if (isEnded() && (events.at(-1)?.seq ?? 0) >= project.store.lastSeq(id)) ended.abort();
  }
  return stopped;
}

function stopView({ name, signals, survivors, tookMs }: Stopped) {
  return { name, signals, survivors, took_ms: tookMs };
}
