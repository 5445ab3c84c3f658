import type { ArtifactRecord, SessionSummary } from '../../../application/ports/session-summary.ts';
import type { Project } from '../../../application/project.ts';
import type { Agent } from '../../../domain/agent.ts';
import { shorten } from '../../../domain/cut-text.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { locateSession } from '../../project-access.ts';
import type { RequestContext } from '../server/context.ts';
import { expandUri, type Resource } from '../server/resource.ts';

/** Number of newest sessions whose resources are listed; templates reach the others. */
const mostListed = 20;
/** Maximum number of agents, and of files, listed per session. */
const mostOfEach = 100;

interface ListedSession {
  readonly summary: SessionSummary;
  /** Its objective, shortened. */
  readonly about: string;
  readonly agents: readonly Agent[];
  readonly artifacts: readonly ArtifactRecord[];
}

/** The newest sessions of the server's project, with their agents and artifacts. */
export async function listedSessions(context: RequestContext): Promise<readonly ListedSession[]> {
  const open = await context.findProject();
  if (open === null) return [];
  const { store } = open.project;
  return store.list({ limit: mostListed }).map((summary) => ({
    summary,
    about: shorten(summary.session.objective.replaceAll(/\s+/g, ' '), 60),
    agents: store.load(summary.session.id).agents.slice(0, mostOfEach),
    artifacts: store.artifacts(summary.session.id).slice(0, mostOfEach),
  }));
}

/**
 * The common part of resources about one session: listing, completion and subscription.
 * @param about what the resource shows, capitalized
 */
export function ofEachSession(
  uri: string,
  about: string,
): Required<Pick<Resource, 'list' | 'complete' | 'follow'>> {
  return {
    async list(context) {
      return (await listedSessions(context)).map(({ summary: { session }, about: objective }) => ({
        uri: expandUri({ uri }, { session_id: session.id }),
        name: `${session.id} ${about.toLowerCase()}`,
        title: `${about}: ${objective}`,
        mimeType: 'application/json',
        annotations: { lastModified: session.endedAt ?? session.startedAt ?? session.createdAt },
      }));
    },
    complete: (_, typed, __, context) => completeSession(typed, context),
    async follow({ session_id = '' }, changed, context) {
      const { project, id } = await locateSession(context, session_id);
      return followSessionEvents(project, id, changed);
    },
  };
}

/** Ids of sessions with the typed prefix, newest first, and `latest` if it matches. */
export async function completeSession(typed: string, context: RequestContext): Promise<readonly string[]> {
  const open = await context.findProject();
  const newest = open?.project.store.list({ limit: 1_000 }) ?? [];
  return ['latest', ...newest.map(({ session }) => session.id as string)].filter((id) =>
    id.startsWith(typed),
  );
}

/** Ids of a session's agents with the typed prefix. @throws MaosError SESSION_NOT_FOUND, INVALID_INPUT */
export async function completeAgent(
  typed: string,
  session: string | undefined,
  context: RequestContext,
): Promise<readonly string[]> {
  const { project, id } = await locateSession(context, session ?? 'latest');
  return project.store
    .load(id)
    .agents.map((agent) => agent.id as string)
    .filter((agent) => agent.startsWith(typed));
}

/**
 * Calls `changed` after every event of a session, whichever process stores it.
 * @returns a function that stops it
 */
export function followSessionEvents(project: Project, id: SessionId, changed: () => void): () => void {
  return followValue(project, () => project.store.lastSeq(id), changed);
}

/**
 * Calls `changed` whenever a value read from the store has changed.
 * @returns a function that stops it
 */
export function followValue(
  { watcher, log }: Project,
  read: () => string | number,
  changed: () => void,
): () => void {
  let seen = read();
  return watcher.subscribe(() => {
    try {
      const now = read();
      if (now === seen) return;
      seen = now;
      changed();
    } catch (error) {
      // If the store cannot be read now, it is read again at the next change.
      log.log('warn', 'cannot read what a client subscribed to', { error });
    }
  });
}

export function json(uri: string, value: unknown) {
  return { uri, mimeType: 'application/json', text: JSON.stringify(value) };
}
