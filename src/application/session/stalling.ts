import type { Agent } from '../../domain/agent.ts';
import { startOf } from '../../domain/cut-text.ts';
import type { AgentId } from '../../domain/ids.ts';
import { isSessionEnded } from '../../domain/session.ts';
import { cancelStalled, stallSession } from '../../domain/stall.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { RunningAgent } from '../ports/agent-host.ts';
import type { Lease } from '../ports/ownership.ts';
import type { SessionStore } from '../ports/session-store.ts';
import type { Project } from '../project.ts';
import { whenFree } from '../when-free.ts';
import { runningCheckOf } from './agent-launcher.ts';
import { isRefusal } from './refused-change.ts';
import { tellTeams } from './teams.ts';

/** The parts of the project that leaving a stalled session needs. */
export type StalledProject = Pick<
  Project,
  'clock' | 'host' | 'instance' | 'log' | 'settings' | 'teams' | 'watcher'
> & {
  readonly store: Pick<SessionStore, 'load' | 'requestsFor' | 'commit' | 'holds'>;
};

/** Maximum characters of an error in the record. */
const maxReason = 1_000;

/**
 * Leaves a session whose runner keeps failing in a state that users see and can act on: paused with the reason, its
 * agents suspended; or cancelled, if that was requested. Of all parts it needs only the store.
 * @param error why the session cannot continue
 * @throws the error of the store: then nothing is recorded, and the session is unchanged
 */
export async function leaveStalled(project: StalledProject, lease: Lease, error: unknown): Promise<void> {
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

/** @returns the agents that were handled; one that cannot be adopted stays unchanged and is logged */
async function forEachRunning(
  { host, log }: StalledProject,
  { agents }: Workflow,
  act: (running: RunningAgent) => Promise<unknown>,
): Promise<readonly Agent[]> {
  const done = await Promise.all(
    agents.map(async (agent): Promise<readonly Agent[]> => {
      if (agent.state !== 'running') return [];
      const { id, sessionId, attempt } = agent;
      try {
        // Discards the output, because the next owner reads it from the first byte. Only the holder of the lease gets
        // here.
        const sink = { stdout: () => {}, isOwned: () => true };
        const check = runningCheckOf(agent);
        const key = { sessionId, agentId: id, attempt, ...(check === null ? {} : { check }) };
        const running = await host.attach(key, agent, sink);
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

/** Ends the session; if the store refuses that, without the end of one agent, or of all. */
async function cancelAsFarAsTaken(
  project: StalledProject,
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
