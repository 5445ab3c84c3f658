import type { Context } from 'hono';
import { parseInput } from '../../contracts/parse-input.ts';
import { notFound } from './errors.ts';
import { agentNameOf } from './role-manifest.ts';
import type { RunSource } from './run-source.ts';
import { agentNameSchema, pageSchema } from './schemas.ts';

export function agentsHandlers(source: RunSource) {
  const listAgents = async (context: Context) => {
    const { limit, offset = 0 } = parseInput(pageSchema, context.req.query(), 'query');
    const agents = await source.agents();
    return context.json({ agents: agents.slice(offset, limit === undefined ? undefined : offset + limit) });
  };

  const getAgent = async (context: Context) => {
    const name = parseInput(agentNameSchema, context.req.param('name'), 'agent name');
    const agent = (await source.agents()).find((one) => one.name === agentNameOf(name));
    if (agent === undefined) throw notFound(`There is no agent ${JSON.stringify(name)}.`);
    return context.json(agent);
  };

  return { listAgents, getAgent };
}
