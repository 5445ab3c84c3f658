/** Programs that put the Agent Client Protocol before an agent that does not speak it, installed apart from the project. */
import { join } from 'node:path';
import { installClient } from './client-installation.ts';

/** About 620 MB, with a Claude Code of its own. */
export function installClaudeAgentAcp({ version = '0.101.0' } = {}): Promise<string> {
  return installAdapter('@agentclientprotocol/claude-agent-acp', version, 'claude-agent-acp');
}

/** About 200 MB, with a Codex of its own. Its launcher hands no SIGTERM on to that. */
export function installCodexAcp({ version = '0.16.0' } = {}): Promise<string> {
  return installAdapter('@zed-industries/codex-acp', version, 'codex-acp');
}

/** They take no `--version`: they wait for a client on their stdin. */
async function installAdapter(name: string, version: string, executable: string): Promise<string> {
  const folder = await installClient({
    package: name,
    version,
    executable: null,
    folder: executable,
    env: () => ({}),
  });
  return join(folder.slice(0, -name.length), '.bin', executable);
}
