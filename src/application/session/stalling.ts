import type { Agent } from '../../domain/agent.ts';
import { startOf } from '../../domain/cut-text.ts';
import type { AgentId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { cancelStalled, stallSession } from '../../domain/stall.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { RunningAgent } from '../ports/agent-host.ts';
import type { Lease } from '../ports/ownership.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { isRefusal } from './refused-change.ts';
import { tellTeams } from './teams.ts';

/** Most characters of an error that become part of the record. */
const maxReason = 1_000;

/**
 * Leaves a session whose runner gives up in a state that people see and that has a way out: paused, its agents standing
 * still, with the reason; or cancelled, where that was asked for. Needs nothing of what has failed but the store.
 * @param error why it cannot go on
 * @throws whatever the store throws: then nothing is recorded, and the session looks as it did
 */
export async function leaveStalled(project: Project, lease: Lease, error: unknown): Promise<void> {
  const { store, clock, instance, settings, watcher } = project;
  const { sessionId } = lease;
  const workflow = store.load(sessionId);
  if (isSessionEnded(workflow.session.state)) return;
  const asked = store
    .requestsFor(instance)
    .find((request) => request.sessionId === sessionId && request.agentId === null);
  const said = error instanceof Error ? error.message : String(error);
  const reason = startOf(said, maxReason);
  if (asked?.desired === 'cancelled') {
    await forEachRunning(project, workflow, (running) => running.stop(settings.stopGraceMs));
    const why = { asked: asked.reason, stalled: reason };
    await cancelAsFarAsTaken(project, lease, workflow, why);
  } else {
    const held = await forEachRunning(project, workflow, (running) => running.suspend());
    const change = stallSession(workflow, reason, held, clock.now());
    await whenFree(project, () => store.commit(lease, workflow, change));
  }
  watcher.notify();
}

/** @returns the agents it was done with; what cannot be taken up stays as it is, and the log says so */
async function forEachRunning(
  { host, log }: Project,
  { agents }: Workflow,
  act: (running: RunningAgent) => Promise<unknown>,
): Promise<readonly Agent[]> {
  const done = await Promise.all(
    agents.map(async (agent): Promise<readonly Agent[]> => {
      if (agent.state !== 'running') return [];
      const { id, sessionId, attempt } = agent;
      try {
        // Who takes it up next reads its output from the first byte.
        // Only whoever has its lease gets here.
        const sink = { stdout: () => {}, isOwned: () => true };
        const running = await host.attach({ sessionId, agentId: id, attempt }, agent, sink);
        await act(running);
        return [agent];
      } catch (error) {
        log.log('error', 'cannot suspend an agent of a stalled session', { agent: id, error });
        return [];
      }
    }),
  );
  return done.flat();
}

/** Ends the session; agents whose end the store refuses in every form are left out, one after the other. */
async function cancelAsFarAsTaken(
  project: Project,
  lease: Lease,
  workflow: Workflow,
  why: { readonly asked: string; readonly stalled: string },
): Promise<void> {
  const { store, clock } = project;
  const tryWithout = async (unrecorded: ReadonlySet<AgentId>): Promise<boolean> => {
    try {
      const change = cancelStalled(workflow, why, unrecorded, clock.now());
      await tellTeams(project, workflow, change.next, () => store.holds(lease));
      await whenFree(project, () => store.commit(lease, workflow, change));
      return true;
    } catch (error) {
      if (!isRefusal(error)) throw error;
      return false;
    }
  };
  if (await tryWithout(new Set())) return;
  const ids = workflow.agents.map(({ id }) => id);
  for (const id of ids) if (await tryWithout(new Set([id]))) return;
  const none = cancelStalled(workflow, why, new Set(ids), clock.now());
  await whenFree(project, () => store.commit(lease, workflow, none));
}
