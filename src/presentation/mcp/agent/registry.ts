import type { Registry } from '../server/registry.ts';
import { type Environment, toolFor } from './agent-tool.ts';
import { report } from './report.ts';
import { team } from './team.ts';

/** The registry of an agent's own server. */
export function agentRegistry(env: Environment): Registry {
  const tools = [team, report];
  return { tools: tools.map((tool) => toolFor(env, tool)), resources: [], prompts: [] };
}
