import type { Agent } from '../domain/agent.ts';
import { MaosError, quote } from '../domain/errors.ts';
import { type AgentId, isAgentId, isSessionId, type SessionId } from '../domain/ids.ts';
import { agentOf } from '../domain/workflow.ts';
import type { Project } from './project.ts';

export interface FoundSession {
  readonly project: Project;
  readonly id: SessionId;
}

export interface FoundAgent {
  readonly project: Project;
  readonly agent: Agent;
}

/** What may stand in for an id: letters, digits and `_`; `latest` is a word of its own. */
const referencePattern = /^[A-Za-z0-9_]{1,128}$/;
const maxShown = 8;

function checkReference(text: string, kind: string): void {
  if (referencePattern.test(text)) return;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(text)} cannot name ${kind}: give its id, an unambiguous part of its start or end, or 'latest'.`,
  );
}

/**
 * The session an id, an unambiguous prefix or suffix of one, or `latest` means. Projects are looked at in order; an
 * exact id or a match in an earlier project (the present one comes first) wins over later ones.
 * @throws MaosError INVALID_INPUT, SESSION_NOT_FOUND, also when several match (naming them)
 */
export async function findSession(projects: AsyncIterable<Project>, text: string): Promise<FoundSession> {
  checkReference(text, 'a session');
  for await (const project of projects) {
    const { store } = project;
    if (text === 'latest') {
      const newest = store.list({ limit: 1 })[0];
      if (newest !== undefined) return { project, id: newest.session.id };
      continue;
    }
    const found = store.findSessions(text, maxShown + 1);
    const exact = found.find((id) => isSessionId(text) && id === text);
    if (exact !== undefined) return { project, id: exact };
    if (found.length > 1) throw ambiguous('SESSION_NOT_FOUND', 'session', text, found);
    if (found[0] !== undefined) return { project, id: found[0] };
  }
  throw new MaosError(
    'SESSION_NOT_FOUND',
    text === 'latest'
      ? "There is no session yet. Start one with 'maos run' or the tool orchestrate."
      : `No session is called ${quote(text)}. 'maos list' (list-sessions) shows those there are.`,
    { details: { reference: text } },
  );
}

/** @throws MaosError INVALID_INPUT, AGENT_NOT_FOUND, also when several match (naming them) */
export async function findAgent(projects: AsyncIterable<Project>, text: string): Promise<FoundAgent> {
  checkReference(text, 'an agent');
  for await (const project of projects) {
    const found = project.store.findAgents(text, maxShown + 1);
    const exact = found.find(({ agentId }) => isAgentId(text) && agentId === text);
    const match = exact ?? found[0];
    if (exact === undefined && found.length > 1) {
      throw ambiguous(
        'AGENT_NOT_FOUND',
        'agent',
        text,
        found.map(({ agentId }) => agentId),
      );
    }
    if (match !== undefined)
      return { project, agent: agentOf(project.store.load(match.sessionId), match.agentId) };
  }
  throw new MaosError(
    'AGENT_NOT_FOUND',
    `No agent is called ${quote(text)}. 'maos status SESSION' (session-status) shows those of a session.`,
    { details: { reference: text } },
  );
}

function ambiguous(
  code: 'SESSION_NOT_FOUND' | 'AGENT_NOT_FOUND',
  kind: string,
  text: string,
  found: readonly (SessionId | AgentId)[],
): MaosError {
  const shown = found.slice(0, maxShown);
  const more = found.length > maxShown ? ', …' : '';
  return new MaosError(
    code,
    `${quote(text)} could be more than one ${kind}: ${shown.join(', ')}${more}. Give more of the one you mean.`,
    {
      details: { reference: text, matches: shown },
    },
  );
}
