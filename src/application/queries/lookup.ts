import type { Agent } from '../../domain/agent.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import {
  type AgentId,
  type InputRequestId,
  inputRequestPattern,
  isAgentId,
  isSessionId,
  type MessageId,
  messagePattern,
  type SessionId,
} from '../../domain/ids.ts';
import type { InputRequest } from '../../domain/input-request.ts';
import type { Session } from '../../domain/session.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { InputRequestStore } from '../ports/input-requests.ts';
import type { Project } from '../project.ts';

export interface FoundSession {
  readonly project: Project;
  readonly id: SessionId;
}

export interface FoundAgent {
  readonly project: Project;
  readonly agent: Agent;
}

export interface FoundMessage {
  readonly project: Project;
  readonly id: MessageId;
}

export interface FoundRequest {
  readonly project: Project;
  readonly id: InputRequestId;
}

/** The projects in which references are resolved. */
export interface Projects {
  /** The project of the caller's folder; null while it has no store. */
  present(): Promise<Project | null>;
  /** Every project with a store, beginning with that of the caller's folder. */
  all(): AsyncIterable<Project>;
}

/** `project`: only the present one; `everywhere`: all. A full id is found in any project either way. */
export type LookupScope = 'project' | 'everywhere';

/** An id or a part of one: letters, digits and `_`; or the word `latest`. */
const referencePattern = /^[A-Za-z0-9_]{1,128}$/;
const maxShown = 8;
/** Sessions that are read at once to find the latest of a kind. */
const sessionsAtOnce = 50;
/** Open requests among which `latest` is looked for. */
const mostOpen = 500;

function checkReference(text: string, kind: string): void {
  if (referencePattern.test(text)) return;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} is not valid as ${kind}: give an id, an unambiguous part of its start or end, or 'latest'.`,
  );
}

/** Which sessions `latest` may mean, and what to say when there is none. */
export interface LatestOf {
  suits(session: Session): boolean;
  /** A sentence without its end: "No session has …". */
  readonly none: string;
}

/**
 * The session that an id, an unambiguous prefix or suffix of one, or `latest` refers to.
 * @param latestOf default: `latest` is the newest session
 * @throws MaosError INVALID_INPUT, SESSION_NOT_FOUND, also when several match (naming them)
 */
export async function findSession(
  projects: Projects,
  text: string,
  scope: LookupScope = 'project',
  latestOf: LatestOf | null = null,
): Promise<FoundSession> {
  checkReference(text, 'a session');
  if (text === 'latest') return findLatest(projects, scope, latestOf);
  const whole = `sess_${text.replace(/^sess_/i, '').toUpperCase()}`;
  const isWhole = isSessionId(whole);
  const found = await matches(projects, isWhole ? 'whole' : scope, ({ store }) =>
    store.findSessions(isWhole ? whole : text, maxShown + 1),
  );
  const only = onlyOne('SESSION_NOT_FOUND', 'session', text, found);
  if (only !== null) return only;
  const where = isWhole || scope === 'everywhere' ? '' : ' in this project';
  throw new MaosError(
    'SESSION_NOT_FOUND',
    `There is no session ${quote(text)}${where}. 'maos list' (list-sessions) lists the sessions.${elsewhere(where)}`,
    { details: { reference: text } },
  );
}

async function findLatest(
  projects: Projects,
  scope: LookupScope,
  latestOf: LatestOf | null,
): Promise<FoundSession> {
  const newest: FoundSession[] = [];
  for await (const project of within(projects, scope)) {
    const session = newestOf(project, latestOf);
    if (session !== null) newest.push({ project, id: session.id });
  }
  // Within a project the order of storing decides. Across projects there is only the time in the id.
  const [first] = newest.toSorted((a, b) => (a.id < b.id ? 1 : -1));
  if (first !== undefined) return first;
  const where = scope === 'everywhere' ? '' : ' in this project';
  if (latestOf !== null) {
    throw new MaosError('SESSION_NOT_FOUND', `${latestOf.none}${where}.${elsewhere(where)}`, {
      details: { reference: 'latest' },
    });
  }
  throw new MaosError(
    'SESSION_NOT_FOUND',
    `There is no session${where} yet. Start one with 'maos run' (orchestrate).${elsewhere(where)}`,
    { details: { reference: 'latest' } },
  );
}

function newestOf({ store }: Project, latestOf: LatestOf | null): Session | null {
  const limit = latestOf === null ? 1 : sessionsAtOnce;
  for (let page = store.list({ limit }); ; ) {
    const found = page.find(({ session }) => latestOf === null || latestOf.suits(session));
    if (found !== undefined) return found.session;
    const last = page.at(-1)?.session.id;
    if (page.length < limit || last === undefined) return null;
    page = store.list({ limit, before: last });
  }
}

/** @throws MaosError INVALID_INPUT, AGENT_NOT_FOUND, also when several match (naming them) */
export async function findAgent(
  projects: Projects,
  text: string,
  scope: LookupScope = 'project',
): Promise<FoundAgent> {
  checkReference(text, 'an agent');
  const found: { project: Project; sessionId: SessionId; id: AgentId }[] = [];
  if (isAgentId(text)) {
    for await (const project of projects.all()) {
      const exact = project.store.findAgents(text, 1).find(({ agentId }) => agentId === text);
      if (exact !== undefined) {
        found.push({ project, sessionId: exact.sessionId, id: exact.agentId });
        break;
      }
    }
  }
  // What looks like a full id may be part of a longer one.
  if (found.length === 0) {
    for await (const project of within(projects, scope)) {
      const some = project.store.findAgents(text, maxShown + 1);
      found.push(...some.map(({ sessionId, agentId }) => ({ project, sessionId, id: agentId })));
    }
  }
  const only = onlyOne('AGENT_NOT_FOUND', 'agent', text, found);
  if (only !== null) {
    return { project: only.project, agent: agentOf(only.project.store.load(only.sessionId), only.id) };
  }
  const where = scope === 'everywhere' ? '' : ' in this project';
  throw new MaosError(
    'AGENT_NOT_FOUND',
    `There is no agent ${quote(text)}${where}. 'maos status SESSION' (session-status) lists the agents of a session.${elsewhere(where)}`,
    { details: { reference: text } },
  );
}

/**
 * The request an id, an unambiguous prefix or suffix of one, or `latest` means: the newest open one, else the newest.
 * @param kind `latest` prefers one of this kind: an answer is for a question, although a permission is newer
 * @throws MaosError INVALID_INPUT, with `details.problem: 'not_found'` when there is none
 */
export async function findRequest(
  projects: Projects,
  text: string,
  { scope = 'project', kind = null }: { scope?: LookupScope; kind?: InputRequest['kind'] | null } = {},
): Promise<FoundRequest> {
  checkReference(text, 'a request');
  const isWhole = inputRequestPattern.test(text);
  const found = await matches(projects, isWhole ? 'whole' : scope, ({ store: { inputRequests } }) =>
    text === 'latest' ? latestOf(inputRequests, kind) : inputRequests.findByText(text, maxShown + 1),
  );
  // With several projects, each has found its latest request.
  const candidates = text === 'latest' ? found.toSorted((a, b) => (a.id < b.id ? 1 : -1)).slice(0, 1) : found;
  const only = onlyOne('INVALID_INPUT', 'request', text, candidates);
  if (only !== null) return only;
  const where = isWhole || scope === 'everywhere' ? '' : ' in this project';
  const none =
    text === 'latest' ? `No ${kind ?? 'request'} waits for an answer` : `There is no request ${quote(text)}`;
  throw new MaosError(
    'INVALID_INPUT',
    `${none}${where}. 'maos requests' lists those that are open.${elsewhere(where)}`,
    { details: { problem: 'not_found', reference: text } },
  );
}

/**
 * The message that an id, or an unambiguous prefix or suffix of one, refers to.
 * @throws MaosError INVALID_INPUT, with `details.problem: 'not_found'` when there is none
 */
export async function findMessage(
  projects: Projects,
  text: string,
  scope: LookupScope = 'project',
): Promise<FoundMessage> {
  checkReference(text, 'a message');
  const isWhole = messagePattern.test(text);
  const found = await matches(projects, isWhole ? 'whole' : scope, ({ store }) =>
    store.messages.findByText(text, maxShown + 1),
  );
  const only = onlyOne('INVALID_INPUT', 'message', text, found);
  if (only !== null) return only;
  const where = isWhole || scope === 'everywhere' ? '' : ' in this project';
  throw new MaosError(
    'INVALID_INPUT',
    `There is no message ${quote(text)}${where}. 'maos message list' lists them.${elsewhere(where)}`,
    { details: { problem: 'not_found', reference: text } },
  );
}

function latestOf(requests: InputRequestStore, kind: InputRequest['kind'] | null): readonly InputRequestId[] {
  const open = requests.list({ state: 'open', limit: mostOpen });
  const fitting = open.find((request) => request.kind === kind);
  const closed = requests.list({ limit: 1 }).filter((request) => kind === null || request.kind === kind);
  const [latest] = fitting === undefined ? [...open, ...closed] : [fitting];
  return latest === undefined ? [] : [latest.id];
}

async function* within(projects: Projects, scope: LookupScope): AsyncGenerator<Project> {
  if (scope === 'everywhere') yield* projects.all();
  else {
    const present = await projects.present();
    if (present !== null) yield present;
  }
}

/** @param where empty when every project was searched */
function elsewhere(where: string): string {
  return where === '' ? '' : ' For another project, give the full id or use --all.';
}

/**
 * Everything that matches, with its project.
 * @param where `whole`: a full id, which is in one project at most, whichever that is
 */
async function matches<Id>(
  projects: Projects,
  where: LookupScope | 'whole',
  search: (project: Project) => readonly Id[],
): Promise<readonly { readonly project: Project; readonly id: Id }[]> {
  const found: { readonly project: Project; readonly id: Id }[] = [];
  for await (const project of where === 'whole' ? projects.all() : within(projects, where)) {
    found.push(...search(project).map((id) => ({ project, id })));
    if (where === 'whole' && found.length > 0) break;
  }
  return found;
}

/** @returns null when there is none @throws MaosError with the code when there are several, naming them */
function onlyOne<T extends { readonly id: string }>(
  code: 'SESSION_NOT_FOUND' | 'AGENT_NOT_FOUND' | 'INVALID_INPUT',
  kind: string,
  text: string,
  found: readonly T[],
): T | null {
  const [only = null] = found;
  if (found.length <= 1) return only;
  const shown = found.slice(0, maxShown).map(({ id }) => id);
  const more = found.length > maxShown ? ', …' : '';
  throw new MaosError(
    code,
    `${quote(text)} matches more than one ${kind}: ${shown.join(', ')}${more}. Give more characters.`,
    { details: { reference: text, matches: shown } },
  );
}
