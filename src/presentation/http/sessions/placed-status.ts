import type { Project } from '../../../application/project.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { statusView } from '../../contracts/status-view.ts';

/** A session's status, with its project and the event after which later ones change it. */
export function placedStatus(project: Project, id: SessionId) {
  // Read before the rest, so that no event after it is missing from what is shown.
  const last_seq = project.store.lastSeq(id);
  return { ...statusView(project, id), project: project.path, last_seq };
}
