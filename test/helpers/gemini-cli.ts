/** The real Gemini CLI, installed outside the project and run against a scripted model. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installClient } from './client-installation.ts';

/** The version that the tests use. */
export const GEMINI_CLI_VERSION = '0.61.0';

/** Returns the absolute path of the `gemini` executable, a script for Node 20 and later; about 100 MB. */
export function installGeminiCli({ version = GEMINI_CLI_VERSION } = {}): Promise<string> {
  return installClient({
    package: '@google/gemini-cli',
    version,
    executable: 'gemini',
    folder: 'gemini-cli',
    env: (home) => cleanGeminiEnv({ home }),
  });
}

/** What {@link cleanGeminiEnv} builds an environment from. */
export interface CleanGeminiEnvOptions {
  /** A scratch folder: Gemini keeps its settings and conversations in its `.gemini`. */
  home: string;
  /** Base URL of the scripted model; without it, every request goes to a closed port. */
  modelUrl?: string;
}

/**
 * The whole environment for a real Gemini CLI in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding agent is visible to it, and no request leaves the machine.
 *
 * By default it restarts itself as a child with more memory, and forwards no signals to it: a SIGINT to the parent is
 * lost, and a SIGKILL leaves the child running. Here there is only one process, which gets the signals.
 */
export function cleanGeminiEnv({
  home,
  modelUrl = 'http://127.0.0.1:9',
}: CleanGeminiEnvOptions): Record<string, string> {
  const closedPort = 'http://127.0.0.1:9';
  return {
    HOME: home,
    PATH: [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    TMPDIR: home,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    HTTP_PROXY: closedPort,
    HTTPS_PROXY: closedPort,
    NO_PROXY: '127.0.0.1',
    GEMINI_API_KEY: 'scripted-key',
    GOOGLE_GEMINI_BASE_URL: modelUrl,
    GEMINI_CLI_NO_RELAUNCH: 'true',
  };
}

/** An entry of `mcpServers`, by Gemini's own names. */
export interface GeminiMcpServer {
  readonly command: string;
  readonly args: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  /** Milliseconds that a call may take, regardless of progress reports; default: 600,000. */
  readonly timeout?: number;
  /** Calls its tools without asking, because `gemini -p` cannot ask anyone. */
  readonly trust?: boolean;
}

/**
 * Writes `settings.json` into a scratch home: sign-in by key, no telemetry, no updates, and MCP servers by name.
 * @param more further groups of settings; `general` is merged
 */
export async function writeGeminiSettings(
  home: string,
  mcpServers: Readonly<Record<string, GeminiMcpServer>>,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const general = { enableAutoUpdate: false, enableAutoUpdateNotification: false };
  const settings = {
    security: { auth: { selectedType: 'gemini-api-key' } },
    privacy: { usageStatisticsEnabled: false },
    ...more,
    general: { ...general, ...(more.general as object | undefined) },
    mcpServers,
  };
  await mkdir(join(home, '.gemini'), { recursive: true });
  await writeFile(join(home, '.gemini', 'settings.json'), JSON.stringify(settings));
}
