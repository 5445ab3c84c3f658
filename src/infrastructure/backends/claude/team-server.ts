import type { TeamServer } from '../../../application/ports/backend.ts';
import { inBraces, serverEnvironment, teamServerName } from '../shared/team-server.ts';

/** The arguments that give Claude Code the team's server, and the permission for all of its tools. */
export function teamServerOf(server: TeamServer | null): {
  readonly args: readonly string[];
  readonly allowedTools: readonly string[];
} {
  if (server === null) return { args: [], allowedTools: [] };
  const { command, args } = server;
  const env = serverEnvironment(server, inBraces);
  // `alwaysLoad`: without it, Claude Code hides the tools until the model searches for them.
  const entry = { type: 'stdio', command, args, env, alwaysLoad: true };
  return {
    args: ['--mcp-config', JSON.stringify({ mcpServers: { [teamServerName]: entry } })],
    allowedTools: [`mcp__${teamServerName}`],
  };
}
