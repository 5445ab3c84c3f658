/** The real Claude Code, installed outside the project and run against a scripted model. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installClient } from './client-installation.ts';

const run = promisify(execFile);

/** The version of the recorded fixtures. */
export const CLAUDE_CODE_VERSION = '2.1.332';

/** A version of December 2025, as users without updates may have it. */
export const OLDER_CLAUDE_CODE_VERSION = '2.0.76';

/**
 * Returns the absolute path of the `claude` executable, installed by {@link installClient}; about 365 MB. The native
 * binary is an optional dependency per platform, which the package's own script links over a placeholder; before
 * 2.1.113 it is a script for Node, and a fifth of the size.
 */
export function installClaudeCode({ version = CLAUDE_CODE_VERSION } = {}): Promise<string> {
  return installClient({
    package: '@anthropic-ai/claude-code',
    version,
    executable: 'claude',
    folder: 'claude-code',
    env: (home) => cleanClaudeEnv({ home }),
    async finish(folder) {
      const link = join(folder, 'install.cjs');
      if (existsSync(link)) await run(process.execPath, [link]);
    },
  });
}

/** What {@link cleanClaudeEnv} builds an environment from. */
export interface CleanClaudeEnvOptions {
  /** A scratch folder: Claude Code keeps its settings and conversations under it. */
  home: string;
  /** Base URL of the scripted model; without it every request goes to a closed port. */
  modelUrl?: string;
  /** Search path for the programs that Claude Code itself runs (`sh`, `git`, `rg`). */
  path?: string;
  /** The key to send; `null` for a machine that is not signed in. */
  apiKey?: string | null;
}

/**
 * The whole environment for a real Claude Code in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding Claude Code is visible to it, and no request leaves the machine. `claude -p` then starts with no
 * onboarding and no trust question. Permissions stay as they are: root may use `--permission-mode acceptEdits`
 * and `--allowedTools`; only `bypassPermissions` is refused to root, unless `IS_SANDBOX=1` is added.
 */
export function cleanClaudeEnv(options: CleanClaudeEnvOptions): Record<string, string> {
  const { home, modelUrl = 'http://127.0.0.1:9', apiKey = 'sk-ant-scripted-key' } = options;
  return {
    HOME: home,
    PATH: options.path ?? [dirname(process.execPath), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    TMPDIR: home,
    LANG: 'C.UTF-8',
    TZ: 'UTC',
    ANTHROPIC_BASE_URL: modelUrl,
    ...(apiKey === null ? {} : { ANTHROPIC_API_KEY: apiKey }),
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
    DISABLE_TELEMETRY: '1',
    DISABLE_ERROR_REPORTING: '1',
    DISABLE_AUTOUPDATER: '1',
    DISABLE_INSTALLATION_CHECKS: '1',
    // By default, it calls the model after two seconds, without the tools of servers that have not started by then.
    CLAUDE_CODE_MCP_STARTUP_WAIT_MS: '60000',
  };
}
