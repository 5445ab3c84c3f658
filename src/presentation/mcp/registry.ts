import type { Tool } from './tool.ts';
import { agentOutput } from './tools/agent-output.ts';
import { controlSession } from './tools/control-session.ts';
import { listRoles } from './tools/list-roles.ts';
import { listSessions } from './tools/list-sessions.ts';
import { orchestrate } from './tools/orchestrate.ts';
import { sessionStatus } from './tools/session-status.ts';
import { waitSession } from './tools/wait-session.ts';

/** Everything MAOS offers over MCP, whatever the SDK or transport. A new tool is its file and a line here. */
export const tools: readonly Tool[] = [
  orchestrate,
  waitSession,
  sessionStatus,
  agentOutput,
  controlSession,
  listSessions,
  listRoles,
];
