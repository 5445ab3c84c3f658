import { isSettled } from '../../application/control.ts';
import type { CommandContext } from './command.ts';
import type { OpenSession } from './projects.ts';

/** Handing a session over takes a moment in which nobody runs it. */
const patienceMs = 3_000;

/**
 * Says on stderr when the session somebody waits for is run by nobody: its maos was killed, and none took it over.
 * @returns the function that calls the look off
 */
export function watchOwner(session: OpenSession, { terminal, program }: CommandContext): () => void {
  const look = async (): Promise<void> => {
    const { project, id } = session;
    const owner = project.store.ownerOf(id);
    const abandoned = owner === null || !(await project.instances.isAlive(owner));
    if (!abandoned || isSettled(project.store.summary(id).session.state)) return;
    terminal.notice(
      `No maos runs ${id} at the moment: the one that did is gone. '${program} cancel ${id}' ends it.`,
    );
  };
  const timer = setTimeout(() => {
    look().catch((error: unknown) =>
      session.project.log.log('warn', 'owner not known', { session: session.id, error }),
    );
  }, patienceMs);
  return () => clearTimeout(timer);
}
