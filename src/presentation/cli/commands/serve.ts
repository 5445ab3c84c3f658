import type { CliCommand } from '../command.ts';
import { exitStatus } from '../exit-status.ts';

export const serveCommand: CliCommand = {
  name: 'serve',
  summary: 'Serve MCP on stdin and stdout',
  details:
    "What an MCP client starts; 'maos' with a pipe on stdin does the same. Ends when the client goes, and leaves running sessions to a process of their own.",
  arguments: [],
  options: [],
  examples: [{ line: 'maos init', says: 'register it with Claude Code' }],
  ownsProcess: true,
  async run({ runtime, projectPath, projectGiven }) {
    const { serveStdio } = await import('../../mcp/stdio.ts');
    await serveStdio(runtime(), projectGiven ? { projectPath } : {});
    return exitStatus.done;
  },
};
