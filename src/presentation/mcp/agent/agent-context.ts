import type { Project } from '../../../application/project.ts';
import type { Caller } from '../../../application/queries/caller.ts';
import type { ToolContext } from '../server/tool.ts';

/** What a tool of an agent works on: the project, and the agent itself. */
export interface AgentContext extends ToolContext {
  readonly project: Project;
  readonly caller: Caller;
  /** A ULID for what the call makes, which may be carried out again; null: it is not. */
  readonly callId: string | null;
}
