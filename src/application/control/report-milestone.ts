import { MaosError } from '../../domain/errors.ts';
import { type Milestone, maxMilestoneLength } from '../../domain/milestone.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import type { Caller } from '../queries/caller.ts';
import { whenFree } from '../when-free.ts';

/** Per agent. A report is for milestones, not for every step. */
const mostPerMinute = 60;

/**
 * Records a milestone that an agent reports, as an event of its session.
 * @throws MaosError INVALID_INPUT, RESOURCE_LIMIT_EXCEEDED, INVALID_TRANSITION
 */
export async function reportMilestone(
  project: Pick<Project, 'store' | 'settings' | 'clock' | 'watcher'>,
  { sessionId, agentId }: Caller,
  report: Milestone,
): Promise<void> {
  const text = report.text.replaceAll(/\s+/g, ' ').trim();
  if (text === '')
    throw new MaosError('INVALID_INPUT', 'The report is empty. Say in a sentence what you have reached.');
  if (text.length > maxMilestoneLength) {
    throw new MaosError(
      'INVALID_INPUT',
      `The report has ${text.length} characters; at most ${maxMilestoneLength} are taken. Say it in a sentence, and put details into a file.`,
    );
  }
  const { store, clock, watcher } = project;
  const { name } = agentOf(store.load(sessionId), agentId);
  await whenFree(project, () =>
    store.milestones.add(
      { sessionId, id: agentId, name },
      { text, progress: report.progress },
      mostPerMinute,
      clock.now(),
    ),
  );
  watcher.notify();
}
