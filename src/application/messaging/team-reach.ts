import type { BackendCapabilities } from '../ports/backend.ts';

/**
 * How an agent reaches its team: with the tools of its own MCP server, or by running `maos` commands. Null: not at all,
 * because its backend runs a program without a model that could read about it.
 */
export type TeamReach = 'tools' | 'commands' | null;

export function teamReachOf({
  servesMcp,
  takesCommand,
}: Pick<BackendCapabilities, 'servesMcp' | 'takesCommand'>): TeamReach {
  if (takesCommand) return null;
  return servesMcp ? 'tools' : 'commands';
}
