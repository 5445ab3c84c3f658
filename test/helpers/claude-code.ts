/** The real Claude Code, installed apart from the project and run against a scripted model. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { npm } from '../packaging/npm.ts';

const run = promisify(execFile);
const CLIENTS = fileURLToPath(new URL('../../.cache/clients', import.meta.url));

/** The version the fixtures were recorded with. */
export const CLAUDE_CODE_VERSION = '2.1.330';

/**
 * Returns the absolute path of the `claude` executable of `version`, installing it from the npm registry (or npm's own
 * cache, when that has it) into `.cache/clients/claude-code-<version>` the first time; about 365 MB.
 *
 * The native binary is an optional dependency per platform, so nothing is downloaded outside npm. The package's
 * install script only links that binary over a placeholder. It is run here by hand, because npm may hold back
 * install scripts. The installation is made in a folder of its own and renamed when complete, so a killed
 * or a simultaneous installation never leaves half of one.
 *
 * @throws when npm cannot get the package, with npm's last words.
 */
export async function installClaudeCode({ version = CLAUDE_CODE_VERSION } = {}): Promise<string> {
  const home = join(CLIENTS, `claude-code-${version}`);
  const executable = join(home, 'node_modules', '.bin', 'claude');
  if (existsSync(executable)) return executable;

  await mkdir(CLIENTS, { recursive: true });
  const staging = await mkdtemp(join(CLIENTS, `installing-claude-code-${version}-`));
  try {
    const flags = ['--ignore-scripts', '--prefer-offline', '--no-audit', '--no-fund', '--loglevel=error'];
    npm(['install', '--prefix', staging, ...flags, `@anthropic-ai/claude-code@${version}`], staging);
    const link = join(staging, 'node_modules', '@anthropic-ai', 'claude-code', 'install.cjs');
    await run(process.execPath, [link]);
    await run(join(staging, 'node_modules', '.bin', 'claude'), ['--version'], {
      env: cleanClaudeEnv({ home: staging }),
    });
    await rename(staging, home).catch((cause: NodeJS.ErrnoException) => {
      // Another process finished first: its installation is as good as this one.
      if (cause.code !== 'ENOTEMPTY' && cause.code !== 'EEXIST') throw cause;
    });
  } catch (cause) {
    const { stderr } = cause as { stderr?: string };
    const words = stderr?.trim() || (cause instanceof Error ? cause.message : String(cause));
    throw new Error(`Claude Code ${version} could not be installed: ${words}`, { cause });
  } finally {
    await rm(staging, { recursive: true, force: true });
  }
  return executable;
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
  };
}
