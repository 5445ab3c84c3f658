/** The real Qwen Code, installed outside the project and run against a scripted model. */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { installClient } from './client-installation.ts';

/** The version that the tests use. */
export const QWEN_CODE_VERSION = '0.24.4';

/** Returns the absolute path of the `qwen` executable, a script for Node 22 and later. */
export function installQwenCode({ version = QWEN_CODE_VERSION } = {}): Promise<string> {
  return installClient({
    package: '@qwen-code/qwen-code',
    version,
    executable: 'qwen',
    folder: 'qwen-code',
    env: (home) => cleanQwenEnv({ home }),
  });
}

/**
 * The whole environment for a real Qwen Code in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding agent is visible to it, and no request leaves the machine.
 * @param options.home a scratch folder: Qwen keeps its settings and conversations in its `.qwen`
 * @param options.modelUrl base URL of the scripted model; without it every request goes to a closed port
 */
export function cleanQwenEnv({
  home,
  modelUrl = 'http://127.0.0.1:9',
  apiKey = 'scripted-key',
}: {
  readonly home: string;
  readonly modelUrl?: string;
  /** Null: none. */
  readonly apiKey?: string | null;
}): Record<string, string> {
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
    ...(apiKey === null ? {} : { OPENAI_API_KEY: apiKey }),
    OPENAI_BASE_URL: `${modelUrl}/v1`,
    OPENAI_MODEL: 'scripted-model',
    QWEN_CODE_NO_RELAUNCH: 'true',
  };
}

/** Writes `settings.json` into a scratch home: an OpenAI-compatible provider, no telemetry, no updates. */
export async function writeQwenSettings(
  home: string,
  more: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const settings = {
    security: { auth: { selectedType: 'openai' } },
    privacy: { usageStatisticsEnabled: false },
    general: { enableAutoUpdate: false, disableAutoUpdate: true },
    ...more,
  };
  await mkdir(join(home, '.qwen'), { recursive: true });
  await writeFile(join(home, '.qwen', 'settings.json'), JSON.stringify(settings));
}
