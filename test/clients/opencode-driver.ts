import { cleanOpencodeEnv, installOpencode, writeOpencodeConfig } from '../helpers/opencode.ts';
import type { BackendDriver } from './backend-cases.ts';
import { startChatModel } from './chat-steps.ts';

/** The real opencode as an agent, its provider one of the user's settings that speaks as OpenAI does. */
export const opencodeDriver: BackendDriver = {
  name: 'opencode',
  pathVariable: 'MAOS_OPENCODE_PATH',
  install: () => installOpencode(),
  startModel: (respond) =>
    startChatModel(respond, (command) => ({
      name: 'bash',
      arguments: { command, description: 'Run a command' },
    })),
  env: (home) => cleanOpencodeEnv({ home }),
  setUp: (home, modelUrl) => writeOpencodeConfig(home, modelUrl),
  skips: {
    'rate limit for long':
      'it waits as long as Retry-After says, and tells so on stderr alone; below, the limit of stalled agents ends that',
  },
};
