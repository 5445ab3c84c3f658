import type { SessionId } from '../../domain/ids.ts';
import type { ArchiveDocument, ArchiveReport, ArchiveSink } from '../ports/maintenance.ts';
import type { Project } from '../project.ts';
import { messagesDocument, requestsDocument } from './export-records.ts';

type Needs = Pick<Project, 'path' | 'store' | 'files' | 'clock'>;

const pageSize = 1_000;

/**
 * Writes one archive with everything about a session: its folder, the stored workflow and artifacts, all events with
 * their hashes, its messages and requests, and a manifest with the SHA-256 of every file. A live session is packed in its current state.
 * Worktrees and checkouts are left out: the manifest names the branch and commit with each agent's work.
 * @param to absolute path of the `.tar.gz`, or a sink for its bytes
 * @throws MaosError SESSION_NOT_FOUND, INVALID_INPUT when the file exists and `replace` is false,
 *   RESOURCE_LIMIT_EXCEEDED, FORBIDDEN
 */
export async function exportSession(
  project: Needs,
  id: SessionId,
  to: string | ArchiveSink,
  options: { readonly replace: boolean; readonly version: string; readonly signal?: AbortSignal },
): Promise<ArchiveReport> {
  const { store, files, clock } = project;
  const { version, ...rest } = options;
  const workflow = store.load(id);
  const lastSeq = store.lastSeq(id);
  const stored = { version: 1, project: project.path, workflow, artifacts: store.artifacts(id) };
  const documents: readonly ArchiveDocument[] = [
    { path: 'session.json', text: () => [`${JSON.stringify(stored, null, 2)}\n`] },
    { path: 'events.json', text: () => eventsText(project, id, lastSeq) },
    messagesDocument(project, id),
    requestsDocument(project, id),
  ];
  const about = {
    session: id,
    state: workflow.session.state,
    project: project.path,
    exportedAt: clock.now(),
    maos: version,
    events: lastSeq,
    worktrees: workflow.agents.flatMap(({ id: agentId, name, work }) =>
      work === null ? [] : [{ agentId, name, ...work }],
    ),
    lastHash: lastSeq === 0 ? '' : store.maintenance.hashAt(id, lastSeq),
  };
  return files.maintenance.writeArchive(id, documents, to, { ...rest, about });
}

/** A JSON array with one record per line, up to a fixed record: repeated calls return the same text. */
function* eventsText({ store }: Needs, id: SessionId, upTo: number): Generator<string> {
  yield '[';
  for (let after = 0; after < upTo; ) {
    const page = store.maintenance.hashedEvents(id, after, Math.min(pageSize, upTo - after));
    if (page.length === 0) break;
    for (const { event, hash } of page) {
      const { seq, type, sessionId, agentId, at, data } = event;
      const record = { seq, type, sessionId, agentId, at, data, hash };
      yield `${after === 0 ? '\n' : ',\n'}${JSON.stringify(record)}`;
      after = seq;
    }
  }
  yield '\n]\n';
}
