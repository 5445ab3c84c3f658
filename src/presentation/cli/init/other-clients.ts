import { entryName } from './registration.ts';
import type { ServerCommand } from './server-command.ts';

/** The entry for a client that MAOS does not register itself with. */
export interface ClientEntry {
  readonly client: 'codex' | 'gemini' | 'qwen' | 'opencode' | 'copilot';
  readonly title: string;
  /** Its settings file: the user's (`~/…`) or relative to the project's folder. */
  readonly file: string;
  /** The text to add to the file. */
  readonly text: string;
}

/** Longer than `wait-session` can take: 280 s. */
const toolTimeoutSeconds = 300;

/** The entries for all clients except Claude Code. @param scope whose settings they are for */
export function otherClients(
  { command, args }: ServerCommand,
  scope: 'user' | 'project',
): readonly ClientEntry[] {
  const home = scope === 'user' ? '~/' : '';
  const codex = [
    `[mcp_servers.${entryName}]`,
    // JSON strings are valid TOML strings.
    `command = ${JSON.stringify(command)}`,
    `args = [${args.map((arg) => JSON.stringify(arg)).join(', ')}]`,
    `tool_timeout_sec = ${toolTimeoutSeconds}`,
    '# Without this, Codex starts without a server that is not ready within a second:',
    'required = true',
    '# Codex passes on only the most common variables; name the ones your agents need:',
    '# env_vars = ["MAOS_HOME", "ANTHROPIC_API_KEY"]',
    "# 'codex exec' cannot ask for approval: without this it refuses the tools that start and control agents:",
    '# default_tools_approval_mode = "approve"',
  ];
  const gemini = {
    mcpServers: { [entryName]: { command, args, timeout: toolTimeoutSeconds * 1000 } },
  };
  const opencode = {
    mcp: { [entryName]: { type: 'local', command: [command, ...args], enabled: true } },
  };
  const copilot = { mcpServers: { [entryName]: { type: 'local', command, args, tools: ['*'] } } };
  const text = (entry: object): string => JSON.stringify(entry, null, 2);
  return [
    { client: 'codex', title: 'Codex', file: `${home}.codex/config.toml`, text: codex.join('\n') },
    {
      client: 'gemini',
      title: 'Gemini CLI',
      file: `${home}.gemini/settings.json`,
      text: text(gemini),
    },
    { client: 'qwen', title: 'Qwen Code', file: `${home}.qwen/settings.json`, text: text(gemini) },
    {
      client: 'opencode',
      title: 'opencode',
      file: scope === 'user' ? '~/.config/opencode/opencode.json' : 'opencode.json',
      text: text(opencode),
    },
    // In a project it reads .mcp.json, which the registration with Claude Code writes.
    ...(scope === 'user'
      ? [
          {
            client: 'copilot' as const,
            title: 'Copilot CLI',
            file: '~/.copilot/mcp-config.json',
            text: text(copilot),
          },
        ]
      : []),
  ];
}
