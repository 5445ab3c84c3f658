import type { SessionSummary } from '../../../application/ports/session-summary.ts';
import type { Project } from '../../../application/project.ts';
import { findAgent } from '../../../application/queries/lookup.ts';
import type { Agent } from '../../../domain/agent.ts';
import { plural } from '../../../domain/amounts.ts';
import { isAgentId } from '../../../domain/ids.ts';
import { progressOf } from '../../../domain/orchestration.ts';
import type { Session } from '../../../domain/session.ts';
import { inState } from '../../../domain/state-words.ts';
import { totalUsage } from '../../../domain/usage.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { lookupIn, unlessLost } from '../../project-access.ts';
import type { RequestContext } from '../server/context.ts';

/**
 * Resolves a name in the newest session of the server's project; otherwise an id or an unambiguous part of one.
 * @throws MaosError AGENT_NOT_FOUND, INVALID_INPUT
 */
export async function locateAgent(
  context: RequestContext,
  reference: string,
): Promise<{ readonly project: Project; readonly agent: Agent }> {
  const open = isAgentId(reference) ? null : await context.findProject();
  const newest = open?.project.store.list({ limit: 1 })[0];
  if (open !== null && newest !== undefined) {
    const { agents } = open.project.store.load(newest.session.id);
    const agent = agents.find(({ name }) => name === reference);
    if (agent !== undefined) return { project: open.project, agent };
  }
  return unlessLost(context, findAgent(lookupIn(context, new Map()), reference));
}

/** The summary of a loaded session, without another query. */
export function summaryOf({ session, agents }: Workflow): SessionSummary {
  return { session, progress: progressOf(agents), usage: totalUsage(agents.map(({ usage }) => usage)) };
}

/** The state of a session in one sentence. */
export function summarize({ session, progress, usage }: SessionSummary): string {
  const why = session.pauseReason === null ? '' : ` (${pauseReasonOf(session)})`;
  const { total, ...states } = progress;
  const parts = Object.entries(states).flatMap(([state, n]) => (n > 0 ? [`${n} ${state}`] : []));
  const cost = usage?.costUsd ?? null;
  const spent = cost === null ? '' : ` Cost so far: $${cost.toFixed(2)}.`;
  const still = session.state === 'paused' && progress.running > 0 ? ' Running agents are suspended.' : '';
  return `Session ${session.id} ${inState(session.state)}${why}: ${plural(total, 'agent')}, ${parts.join(', ')}.${still}${spent}`;
}

/** Why a session is paused: "interrupted", "quota until …, in 12 min". */
export function pauseReasonOf({ pauseReason, resumeAt }: Session): string {
  if (resumeAt === null) return String(pauseReason);
  const minutes = Math.ceil((Date.parse(resumeAt) - Date.now()) / 60_000);
  return `${pauseReason} until ${resumeAt}, ${minutes > 0 ? `in ${minutes} min` : 'already passed'}`;
}

/** Advice for the model on a session in this state. */
export function nextStep({ session }: SessionSummary, requests: readonly unknown[] = []): string {
  if (requests.length > 0) {
    return `Agents wait for answers: see requests, call respond for each (ask your user if in doubt), then wait-session with session_id ${session.id}.`;
  }
  switch (session.state) {
    case 'created':
    case 'running':
      return `Call wait-session with session_id ${session.id}, again until settled is true.`;
    case 'paused':
      return 'No agent works while it is paused. Use control-session to resume or cancel it.';
    case 'completed':
      return "Check what the agents made. agent-output shows the full output of an agent; their files are in 'folder'.";
    case 'failed':
      return 'Read each failure; agent-output shows more. Retry the failed agents with control-session, action retry.';
    case 'cancelled':
      return 'No process of it is running. What the agents wrote is kept: see agent-output.';
  }
}
