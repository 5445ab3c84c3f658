import { join } from 'node:path';
import type { Agent } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { MaosError, quote } from '../../../domain/errors.ts';
import { type AgentId, parseAgentId, parseSessionId, type SessionId } from '../../../domain/ids.ts';
import { agentNamePattern } from '../../../domain/plan-names.ts';

/**
 * Paths of a project's session files. Ids and names are validated before they become part of a path, whatever their
 * type says; every method throws MaosError INVALID_INPUT for an invalid one.
 *
 * ```
 * sessions/{session-id}/
 *   metadata.json  environment.json  session.log
 *   agents/{agent-id}/ info.json prompt.md stdout.log stderr.log exit.json launch.N input.N messages.jsonl workspace/
 *     worktree/                  its git worktree
 *     checks/{n}/                a check of its work: logs, launch records, and its checkout in tree/
 *   shared/context/  shared/messages/
 *   results/{agent-name}/
 * ```
 */
export interface SessionLayout {
  /** The folder of the project in MAOS_HOME. */
  readonly project: string;
  session(id: SessionId): string;
  metadata(id: SessionId): string;
  environment(id: SessionId): string;
  log(id: SessionId): string;
  sharedContext(id: SessionId): string;
  sharedMessages(id: SessionId): string;
  results(id: SessionId): string;
  /** The name of the folder identifies the agent that an artifact comes from. */
  resultsOf(id: SessionId, agentName: string): string;
  agent(id: SessionId, agentId: AgentId): string;
  workspace(id: SessionId, agentId: AgentId): string;
  worktree(id: SessionId, agentId: AgentId): string;
  checks(id: SessionId, agentId: AgentId): string;
  check(id: SessionId, agentId: AgentId, check: number): string;
  /** The checkout that a check runs in. */
  checkTree(id: SessionId, agentId: AgentId, check: number): string;
  messages(id: SessionId, agentId: AgentId): string;
}

function checkedNumber(check: number): string {
  if (Number.isSafeInteger(check) && check > 0) return String(check);
  throw new MaosError('INVALID_INPUT', `${check} is not the number of a check: they count from 1.`);
}

function checkedName(name: string): string {
  if (agentNamePattern.test(name)) return name;
  throw new MaosError(
    'INVALID_INPUT',
    `${quote(name)} is not a valid agent name, so it cannot name a folder.`,
    {
      details: { value: startOf(name, 200) },
    },
  );
}

/** @param projectFolder absolute; see `projectFolder` in home.ts */
export function sessionLayout(projectFolder: string): SessionLayout {
  const session = (id: SessionId): string => join(projectFolder, 'sessions', parseSessionId(id));
  const agent = (id: SessionId, agentId: AgentId): string =>
    join(session(id), 'agents', parseAgentId(agentId));
  const checks = (id: SessionId, agentId: AgentId): string => join(agent(id, agentId), 'checks');
  const check = (id: SessionId, agentId: AgentId, number: number): string =>
    join(checks(id, agentId), checkedNumber(number));
  return {
    project: projectFolder,
    session,
    metadata: (id) => join(session(id), 'metadata.json'),
    environment: (id) => join(session(id), 'environment.json'),
    log: (id) => join(session(id), 'session.log'),
    sharedContext: (id) => join(session(id), 'shared', 'context'),
    sharedMessages: (id) => join(session(id), 'shared', 'messages'),
    results: (id) => join(session(id), 'results'),
    resultsOf: (id, name) => join(session(id), 'results', checkedName(name)),
    agent,
    workspace: (id, agentId) => join(agent(id, agentId), 'workspace'),
    worktree: (id, agentId) => join(agent(id, agentId), 'worktree'),
    checks,
    check,
    checkTree: (id, agentId, number) => join(check(id, agentId, number), 'tree'),
    messages: (id, agentId) => join(agent(id, agentId), 'messages.jsonl'),
  };
}

/** Every folder of a session except those of its agents. */
export function sessionFolders(layout: SessionLayout, id: SessionId): readonly string[] {
  return [
    join(layout.session(id), 'agents'),
    layout.sharedContext(id),
    layout.sharedMessages(id),
    layout.results(id),
  ];
}

/** Every folder of one agent, parents first. */
export function agentFolders(layout: SessionLayout, { sessionId, id, name }: Agent): readonly string[] {
  return [layout.agent(sessionId, id), layout.workspace(sessionId, id), layout.resultsOf(sessionId, name)];
}

/** The agent's name in `results/{name}/...`; null for any other path. */
export function ownerOfPath(path: string): string | null {
  const [top, name, ...rest] = path.split('/');
  return top === 'results' && name !== undefined && rest.length > 0 && agentNamePattern.test(name)
    ? name
    : null;
}
