import type { Workflow } from '../../domain/workflow.ts';
import { workflowView } from '../contracts/views.ts';
import type { OpenSession } from './projects.ts';
import type { SessionFacts } from './render/session-report.ts';

/** All that a report on a session needs, as it is now. */
export function factsOf({ project, id }: Pick<OpenSession, 'project' | 'id'>): SessionFacts {
  return {
    workflow: project.store.load(id),
    artifacts: project.store.artifacts(id),
    folder: project.files.describe(id),
    now: Date.parse(project.clock.now()),
  };
}

/** The same for programs: the session as everywhere, with its files and its folder. */
export function summaryRecord({ workflow, artifacts, folder }: SessionFacts) {
  return {
    ...workflowView(workflow),
    artifacts: artifacts.map(({ path, sizeBytes, sha256, by, candidates, recordedAt }) => ({
      path,
      size_bytes: sizeBytes,
      sha256,
      by,
      candidates,
      recorded_at: recordedAt,
    })),
    folder,
  };
}

/** Commands that tell more about a session. */
export function nextCommands(program: string, { session, agents }: Workflow): (readonly [string, string])[] {
  const failed = agents.find((agent) => agent.state === 'failed');
  const logs: readonly [string, string] =
    failed === undefined
      ? [`${program} logs ${session.id}`, 'what every agent printed']
      : [`${program} logs ${failed.id}`, `what ${failed.name} printed`];
  return [
    logs,
    [`${program} events ${session.id}`, 'everything that happened, in order'],
    [`${program} status ${session.id}`, 'this report again'],
  ];
}
