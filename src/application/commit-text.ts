import type { AgentReference } from '../domain/worktree.ts';
import type { CommitText } from './ports/workspaces.ts';

/** Whose work a commit holds. */
export interface CommitAgent extends AgentReference {
  readonly name: string;
}

/**
 * The text of a commit with an agent's work. Its trailers name the session and the agent.
 * @param subject one line
 * @param at ISO 8601; the same for every repetition of the same commit
 */
export function commitText(
  agent: CommitAgent,
  { subject, body = '' }: { readonly subject: string; readonly body?: string },
  at: string,
): CommitText {
  const trailers = `Maos-Session: ${agent.sessionId}\nMaos-Agent: ${agent.agentId}\n`;
  const parts = [subject, body.trim(), trailers].filter((part) => part !== '');
  return { message: parts.join('\n\n'), author: authorOf(agent), at };
}

function authorOf({ name, agentId }: CommitAgent): NonNullable<CommitText['author']> {
  return { name: `${name} (MAOS)`, email: `${agentId}@maos.invalid` };
}
