/** The real GitHub Copilot CLI, installed outside the project and run against a scripted model. */
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { installClient } from './client-installation.ts';

/** The version that the tests use. */
export const COPILOT_VERSION = '1.0.102';

/** At its first start with a new cache, it unpacks 150 MB. */
const cache = fileURLToPath(
  new URL(`../../.cache/clients/copilot-${COPILOT_VERSION}-cache`, import.meta.url),
);

/** Returns the absolute path of the `copilot` executable, installed by {@link installClient}. */
export function installCopilot({ version = COPILOT_VERSION } = {}): Promise<string> {
  return installClient({
    package: '@github/copilot',
    version,
    executable: 'copilot',
    folder: 'copilot',
    env: (home) => cleanCopilotEnv({ home }),
  });
}

/** What {@link cleanCopilotEnv} builds an environment from. */
export interface CleanCopilotEnvOptions {
  /** A scratch folder: Copilot keeps its settings and conversations in its `.copilot`. */
  home: string;
  /** Base URL of the scripted model; without it, Copilot has no provider and is not signed in. */
  modelUrl?: string;
}

/**
 * The whole environment for a real Copilot in a test: nothing is inherited, so neither the machine's account nor a
 * surrounding agent is visible to it, and no request leaves the machine.
 */
export function cleanCopilotEnv({ home, modelUrl }: CleanCopilotEnvOptions): Record<string, string> {
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
    COPILOT_CACHE_HOME: cache,
    COPILOT_AUTO_UPDATE: 'false',
    ...(modelUrl === undefined
      ? {}
      : {
          COPILOT_PROVIDER_BASE_URL: `${modelUrl}/v1`,
          COPILOT_PROVIDER_API_KEY: 'scripted-key-of-some-length',
          COPILOT_MODEL: 'scripted-model',
        }),
  };
}
