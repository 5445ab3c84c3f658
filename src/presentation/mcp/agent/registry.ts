import type { Registry } from '../server/registry.ts';
import { type Environment, toolFor } from './agent-tool.ts';
import { ask } from './ask.ts';
import { claimPaths, releasePaths } from './paths.ts';
import { readMessages } from './read-messages.ts';
import { report } from './report.ts';
import { sendMessage } from './send-message.ts';
import { team } from './team.ts';

/** The registry of an agent's own server. */
export function agentRegistry(env: Environment): Registry {
  const tools = [team, sendMessage, readMessages, ask, report, claimPaths, releasePaths];
  return { tools: tools.map((tool) => toolFor(env, tool)), resources: [], prompts: [] };
}
