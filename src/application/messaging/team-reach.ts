import type { BackendCapabilities } from '../ports/backend.ts';

/**
 * How an agent reaches its team: by the tools of its own MCP server, by `maos` commands that it runs, or, null, not at
 * all, as the program of a backend that has no model to read about it.
 */
export type TeamReach = 'tools' | 'commands' | null;

export function teamReachOf({
  servesMcp,
  takesCommand,
}: Pick<BackendCapabilities, 'servesMcp' | 'takesCommand'>): TeamReach {
  if (takesCommand) return null;
  return servesMcp ? 'tools' : 'commands';
}
