/** The real Codex CLI, installed outside the project and run against a scripted model. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installClient } from './client-installation.ts';

/** The version that the tests use. */
export const CODEX_VERSION = '0.169.0';

/**
 * Returns the absolute path of the `codex` executable, installed by {@link installClient}; about 400 MB. It is a script
 * for Node that runs the native binary, an optional dependency per platform, and forwards signals to it.
 */
export function installCodex({ version = CODEX_VERSION } = {}): Promise<string> {
  return installClient({
    package: '@openai/codex',
    version,
    executable: 'codex',
    folder: 'codex',
    env: (home) => cleanCodexEnv({ home }),
  });
}

/** What {@link cleanCodexEnv} builds an environment from. */
export interface CleanCodexEnvOptions {
  /** A scratch folder: Codex keeps its settings and conversations in its `.codex`. */
  home: string;
  /** Every request that is not for 127.0.0.1 goes there; default: a closed port. */
  proxyUrl?: string;
}

/**
 * The whole environment for a real Codex in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding agent is visible to it, and no request leaves the machine.
 */
export function cleanCodexEnv({
  home,
  proxyUrl = 'http://127.0.0.1:9',
}: CleanCodexEnvOptions): Record<string, string> {
  return {
    HOME: home,
    CODEX_HOME: join(home, '.codex'),
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    TMPDIR: home,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ALL_PROXY: proxyUrl,
    HTTP_PROXY: proxyUrl,
    HTTPS_PROXY: proxyUrl,
    NO_PROXY: '127.0.0.1',
    [keyVariable]: 'scripted-key',
  };
}

const keyVariable = 'SCRIPTED_OPENAI_KEY';

/** An entry of `[mcp_servers]`, by Codex's own names. */
export interface CodexMcpServer {
  readonly command?: string;
  readonly args?: readonly string[];
  /** Instead of a command. */
  readonly url?: string;
  readonly http_headers?: Readonly<Record<string, string>>;
  /** Codex passes few variables of its own environment to its servers; these are added. */
  readonly env?: Readonly<Record<string, string>>;
  readonly default_tools_approval_mode?: ApprovalMode | undefined;
  /** By the server's own tool names. */
  readonly tools?: Readonly<Record<string, { readonly approval_mode: ApprovalMode }>>;
  readonly tool_timeout_sec?: number;
  /** Without it, a server that takes longer than about a second to start is missing in the first request to the model. */
  readonly required?: boolean;
  readonly startup_timeout_sec?: number;
}
type ApprovalMode = 'approve' | 'auto' | 'prompt';

/** Writes `config.toml` into a scratch home: a scripted model, no telemetry, and MCP servers by name. */
export async function writeCodexConfig(
  home: string,
  modelUrl: string,
  mcpServers: Readonly<Record<string, CodexMcpServer>>,
): Promise<void> {
  const provider = {
    name: 'Scripted',
    base_url: `${modelUrl}/v1`,
    env_key: keyVariable,
    wire_api: 'responses',
    request_max_retries: 0,
    stream_max_retries: 0,
  };
  const lines = [
    'model = "scripted"',
    'model_provider = "scripted"',
    'check_for_update_on_startup = false',
    'analytics = { enabled = false }',
    `model_providers.scripted = ${toToml(provider)}`,
    ...Object.entries(mcpServers).map(([name, server]) => `mcp_servers.${name} = ${toToml(server)}`),
  ];
  await mkdir(join(home, '.codex'), { recursive: true });
  await writeFile(join(home, '.codex', 'config.toml'), `${lines.join('\n')}\n`);
}

/** Strings, numbers, arrays and tables on one line. JSON strings are valid TOML basic strings. */
function toToml(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(toToml).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const entries = Object.entries(value).filter(([, inner]) => inner !== undefined);
  return `{ ${entries.map(([key, inner]) => `${key} = ${toToml(inner)}`).join(', ')} }`;
}
