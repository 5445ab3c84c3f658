import type { BackendCapabilities } from '../../application/ports/backend.ts';

/** For tables of backends: each capability's word in a list and as a heading. */
export const capabilityWords = [
  { key: 'resumes', word: 'resume', heading: 'Resumes' },
  { key: 'countsTokens', word: 'tokens', heading: 'Counts tokens' },
  { key: 'countsCost', word: 'cost', heading: 'Tells the cost' },
  { key: 'boundsSubagents', word: 'sub-agents', heading: 'Limits sub-agents' },
  { key: 'receives', word: 'input', heading: 'Takes input while it works' },
  { key: 'asksPermission', word: 'permission', heading: 'Asks for permission' },
  { key: 'servesMcp', word: 'mcp', heading: 'Given MCP servers' },
  { key: 'takesCommand', word: 'command', heading: 'Runs a command' },
] as const satisfies readonly {
  readonly key: keyof BackendCapabilities;
  readonly word: string;
  readonly heading: string;
}[];
