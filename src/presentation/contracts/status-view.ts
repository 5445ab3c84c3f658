import { landedBy, landingReport } from '../../application/landing/landing-report.ts';
import type { Project } from '../../application/project.ts';
import { liveStatusOf } from '../../application/queries/live-status.ts';
import type { SessionId } from '../../domain/ids.ts';
import { landedByView, landedView } from './landing-view.ts';
import { workflowView } from './views.ts';

/** A session with its folder and files; of one that lands work, also what became of the work; of others, the newest that lands theirs. */
export function statusView({ store, files, clock }: Project, id: SessionId) {
  const workflow = store.load(id);
  const landed = landingReport(store, id);
  return {
    ...workflowView(workflow, liveStatusOf(store, workflow, Date.parse(clock.now()))),
    folder: files.describe(id),
    artifacts: store.artifacts(id).map(({ path, sizeBytes }) => ({ path, size_bytes: sizeBytes })),
    ...(landed.length === 0 ? {} : { landed: landed.map(landedView) }),
    ...landedByView(landedBy(store, id)),
  };
}
