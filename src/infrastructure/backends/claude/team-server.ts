import type { TeamServer } from '../../../application/ports/backend.ts';
import { inBraces, serverEnvironment, teamServerName } from '../shared/team-server.ts';

/** What Claude Code is told of the team's server. Its tools need no permission. */
export function teamServerOf(server: TeamServer | null): {
  readonly args: readonly string[];
  readonly allowedTools: readonly string[];
} {
  if (server === null) return { args: [], allowedTools: [] };
  const { command, args } = server;
  const env = serverEnvironment(server, inBraces);
  // Else it hides the tools of servers from the model, which would have to search for them.
  const entry = { type: 'stdio', command, args, env, alwaysLoad: true };
  return {
    args: ['--mcp-config', JSON.stringify({ mcpServers: { [teamServerName]: entry } })],
    allowedTools: [`mcp__${teamServerName}`],
  };
}
