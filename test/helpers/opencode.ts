/** The real opencode, installed outside the project and run against a scripted model. */
import { execFile } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { installClient } from './client-installation.ts';

const run = promisify(execFile);

/** The version that the tests use. */
export const OPENCODE_VERSION = '1.18.33';

/**
 * Returns the absolute path of the `opencode` executable, installed by {@link installClient}. The native binary is an
 * optional dependency per platform, which the package's own script links over a placeholder.
 */
export function installOpencode({ version = OPENCODE_VERSION } = {}): Promise<string> {
  return installClient({
    package: 'opencode-ai',
    version,
    executable: 'opencode',
    folder: 'opencode',
    env: (home) => cleanOpencodeEnv({ home }),
    finish: (folder) => run(process.execPath, [join(folder, 'postinstall.mjs')]),
  });
}

/** What {@link cleanOpencodeEnv} builds an environment from. */
export interface CleanOpencodeEnvOptions {
  /** A scratch folder: opencode keeps its settings and conversations under it. */
  home: string;
}

/**
 * The whole environment for a real opencode in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding agent is visible to it, and no request leaves the machine.
 */
export function cleanOpencodeEnv({ home }: CleanOpencodeEnvOptions): Record<string, string> {
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
    // By default, it waits for the list of models and looks for updates.
    OPENCODE_DISABLE_MODELS_FETCH: '1',
    OPENCODE_DISABLE_AUTOUPDATE: '1',
  };
}

/**
 * Writes the user's `opencode.jsonc` into a scratch home: the scripted model as the provider `scripted`, its model
 * `scripted-model` as the default.
 * @param more further settings by opencode's own names
 */
export async function writeOpencodeConfig(
  home: string,
  modelUrl: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const model = {
    name: 'Scripted model',
    limit: { context: 200_000, output: 8_000 },
    // US dollars for a million tokens.
    cost: { input: 10, output: 50, cache_read: 1 },
  };
  const scripted = {
    npm: '@ai-sdk/openai-compatible',
    name: 'Scripted',
    options: { baseURL: `${modelUrl}/v1`, apiKey: 'scripted-key' },
    models: { 'scripted-model': model },
  };
  const config = { model: 'scripted/scripted-model', provider: { scripted }, ...more };
  const folder = join(home, '.config', 'opencode');
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, 'opencode.jsonc'), `// The user's own.\n${JSON.stringify(config, null, 2)}\n`);
}
