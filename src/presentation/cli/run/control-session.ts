import {
  agentOfSession,
  type ControlResult,
  controlUntilReached,
} from '../../../application/control/follow-control.ts';
import { isSuspended, liveStatusOf } from '../../../application/queries/live-status.ts';
import { plural } from '../../../domain/amounts.ts';
import type { BudgetChange } from '../../../domain/budget.ts';
import { showName } from '../../../domain/invisible-marks.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { SessionAction } from '../../../domain/session.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { workflowView } from '../../contracts/views.ts';
import type { CommandContext, OptionSpec } from '../command.ts';
import { type OpenSession, SessionFinder } from '../facts/projects.ts';
import { referenceTo } from '../facts/reference.ts';
import { nextCommands } from '../facts/session-facts.ts';
import { renderNext } from '../render/session-report.ts';
import { exitStatus } from '../shell/exit-status.ts';
import { watchOwner, whileOwned } from '../shell/owner-notice.ts';
import { followSession } from './follow-session.ts';
import { attachSession } from './view-session.ts';

export const reasonOption: OptionSpec = {
  flags: '--reason <text>',
  description: 'reason, for the event log',
  kind: 'text',
};

export const agentOption: OptionSpec = {
  flags: '--agent <agent>',
  description: 'only this agent (name, or part of its id)',
  kind: 'text',
};

export const detachOption: OptionSpec = {
  flags: '-d, --detach',
  description: 'run in the background instead of the foreground',
  kind: 'flag',
};

const past: Readonly<Record<SessionAction, string>> = {
  pause: 'Paused',
  resume: 'Resumed',
  retry: 'Retried',
  cancel: 'Cancelled',
};

/** The reason in the event log when the user gives none. */
export function defaultReason(action: SessionAction): string {
  return `${past[action]} from the terminal.`;
}

/** A controlled session, for the command's report. */
export interface ControlledSession {
  readonly session: OpenSession;
  readonly result: ControlResult;
}

/**
 * Sends a command's request to the session that it names, and waits until it is carried out.
 * @param found the session, if the command has already found it
 * @param budget of a retry
 * @returns null when the user interrupted the wait; then sessions that this process adopted are detached
 * @throws MaosError SESSION_NOT_FOUND, AGENT_NOT_FOUND, INVALID_TRANSITION
 */
export async function controlSession(
  context: CommandContext,
  action: SessionAction,
  found?: OpenSession,
  budget: BudgetChange = {},
): Promise<ControlledSession | null> {
  const { args, options } = context;
  const session = found ?? (await new SessionFinder(context).session(args[0] as string));
  const reference = options.text('agent');
  const agent =
    reference === undefined ? null : agentOfSession(session.project.store.load(session.id), reference);
  const interrupted = context.watchInterrupts();
  const stopWatching = watchOwner(session, context);
  const reason = options.text('reason') ?? defaultReason(action);
  try {
    const request = { action, agentId: agent?.id ?? null, by: 'terminal', reason, budget };
    const result = await whileOwned(session, interrupted, (signal) =>
      controlUntilReached(session, request, signal),
    );
    if (result.done) return { session, result };
  } finally {
    stopWatching();
  }
  await context.detach();
  return null;
}

/**
 * Follows a session that this process had to take over, as `maos run` does. If another process runs it, shows it on a
 * terminal, and only reports elsewhere.
 * @param said what was done
 */
export async function goOn(
  context: CommandContext,
  { session, result }: ControlledSession,
  said: string,
): Promise<number> {
  const { options, terminal, json } = context;
  const ofProject = projectLine(session);
  const owned = session.supervisor.owned.includes(session.id);
  if (owned && !options.flag('detach')) {
    if (!json) terminal.notice(`${said} ${ofProject}`);
    return followSession(context, session, { after: result.after });
  }
  if (owned) await context.detach('keep');
  if (json) {
    terminal.document(documentOf({ session, result }));
    return exitStatus.done;
  }
  if (terminal.redraws && !owned && !options.flag('detach')) {
    terminal.notice(`${said} It runs in another maos process. ${ofProject}`);
    return attachSession(context, session, { after: result.after });
  }
  const where = owned ? 'in the background' : 'in another maos process';
  terminal.line(result.workflow.session.state === 'running' ? `${said} It runs ${where}.` : said);
  terminal.line(ofProject);
  const { session: id } = await referenceTo(context, session);
  const watch: readonly [string, string][] = [
    [`${context.program} attach ${id}`, 'show it live'],
    [`${context.program} logs ${id} -f`, 'the output of its agents'],
    [`${context.program} wait ${id}`, 'wait until it ends or pauses'],
  ];
  for (const line of renderNext(watch, terminal.canvas)) terminal.line(line);
  return exitStatus.done;
}

/** Reports what was done and what to do next; with `--json` as one document. */
export async function report(
  context: CommandContext,
  { session, result }: ControlledSession,
  said: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const { terminal, json, program } = context;
  const { workflow } = result;
  if (json) {
    terminal.document({ ...documentOf({ session, result }), ...more });
    return;
  }
  terminal.line(said);
  terminal.line(projectLine(session));
  const next = nextCommands(program, workflow, await referenceTo(context, session)).slice(0, 2);
  for (const line of renderNext(next, terminal.canvas)) terminal.line(line);
}

/** Shows users who typed only a part of an id which project the session belongs to. */
function projectLine({ project }: OpenSession): string {
  return `Project: ${showName(project.path)}`;
}

function documentOf({ session: { project }, result: { workflow, already } }: ControlledSession) {
  const liveStatus = liveStatusOf(project.store, workflow, Date.parse(project.clock.now()));
  return { ...workflowView(workflow, liveStatus), project: project.path, already };
}

/** `1 agent suspended, 2 interrupted, 1 waits, 3 of 7 completed`. */
export function agentCounts({ session, agents }: Workflow): string {
  const { completed, resumable, pending, total } = progressOf(agents);
  const suspended = agents.filter((agent) => isSuspended(session, agent)).length;
  return [
    ...(suspended > 0 ? [`${plural(suspended, 'agent')} suspended`] : []),
    ...(resumable > 0 ? [`${plural(resumable, 'agent')} interrupted`] : []),
    ...(pending > 0 ? [`${pending} not started yet`] : []),
    `${completed} of ${total} completed`,
  ].join(', ');
}
