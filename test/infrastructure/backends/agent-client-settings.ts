import type { AgentClientSettings } from '../../../src/infrastructure/backends/agent-client/settings.ts';

export const settings: AgentClientSettings = {
  command: 'gemini',
  args: ['--acp'],
  env: { COLOR: 'none' },
  pass: ['GEMINI_API_KEY'],
  model: null,
  mode: null,
  authMethod: null,
  permissionMode: 'acceptEdits',
  startSeconds: 2,
  silenceSeconds: 3,
};
