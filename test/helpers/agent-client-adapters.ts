/**
 * Programs that connect the Agent Client Protocol to an agent that does not support it, installed outside the project.
 */
import { join } from 'node:path';
import { installClient } from './client-installation.ts';

/** About 620 MB, including its own Claude Code. */
export function installClaudeAgentAcp({ version = '0.101.0' } = {}): Promise<string> {
  return installAdapter('@agentclientprotocol/claude-agent-acp', version, 'claude-agent-acp');
}

/** About 200 MB, including its own Codex, to which its launcher does not forward SIGTERM. */
export function installCodexAcp({ version = '0.16.0' } = {}): Promise<string> {
  return installAdapter('@zed-industries/codex-acp', version, 'codex-acp');
}

/** They do not support `--version`: they wait for a client on stdin. */
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
