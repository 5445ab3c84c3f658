import { cleanCopilotEnv, installCopilot } from '../helpers/copilot.ts';
import type { BackendDriver } from './backend-cases.ts';
import { startChatModel } from './chat-steps.ts';

/** The real Copilot CLI as an agent, with a provider of one's own. */
export const copilotDriver: BackendDriver = {
  name: 'copilot',
  pathVariable: 'MAOS_COPILOT_PATH',
  install: () => installCopilot(),
  startModel: (respond) =>
    startChatModel(respond, (command) => ({
      name: 'bash',
      arguments: { command, description: 'Run a command' },
    })),
  env: (home, modelUrl) => ({
    ...cleanCopilotEnv({ home, modelUrl }),
    // Of a model that it does not know it sends no more than 128,000 tokens.
    COPILOT_PROVIDER_MAX_PROMPT_TOKENS: '1000000',
  }),
  settings: { permissionMode: 'all' },
  countsTokens: false,
};
