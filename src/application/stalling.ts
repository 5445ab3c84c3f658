import type { Agent } from '../domain/agent.ts';
import { isSessionEnded } from '../domain/session.ts';
import { cancelStalled, stallSession } from '../domain/stall.ts';
import type { Change, Workflow } from '../domain/workflow.ts';
import type { Lease, RunningAgent } from './ports.ts';
import type { Project } from './project.ts';
import { isRefusal } from './refused-change.ts';
import { whenFree } from './when-free.ts';

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
  const reason = said.slice(0, maxReason);
  if (asked?.desired === 'cancelled') {
    await forEachRunning(project, workflow, (running) => running.stop(settings.stopGraceMs));
    const why = { asked: asked.reason, stalled: reason };
    const whole = cancelStalled(workflow, why, true, clock.now());
    await commitFirst(project, lease, workflow, [whole, cancelStalled(workflow, why, false, clock.now())]);
  } else {
    const held = await forEachRunning(project, workflow, (running) => running.suspend());
    await commitFirst(project, lease, workflow, [stallSession(workflow, reason, held, clock.now())]);
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
        const running = await host.attach({ sessionId, agentId: id, attempt }, agent, { stdout: () => {} });
        await act(running);
        return [agent];
      } catch (error) {
        log.log('error', 'agent of a stalled session not brought to rest', { agent: id, error });
        return [];
      }
    }),
  );
  return done.flat();
}

/** Stores the first of them that the store takes. */
async function commitFirst(
  project: Project,
  lease: Lease,
  workflow: Workflow,
  changes: readonly Change[],
): Promise<void> {
  for (const [index, change] of changes.entries()) {
    try {
      await whenFree(project, () => project.store.commit(lease, workflow, change));
      return;
    } catch (error) {
      if (index === changes.length - 1 || !isRefusal(error)) throw error;
    }
  }
}
