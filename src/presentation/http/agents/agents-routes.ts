import { type Context, Hono } from 'hono';
import { RecentHistories } from '../../../application/evidence/recent-histories.ts';
import type { Project } from '../../../application/project.ts';
import { stepsBefore, stepsFrom } from '../../../application/queries/agent-steps.ts';
import { checkNumberOf } from '../../../application/queries/check-output.ts';
import type { LineSource } from '../../../application/queries/output-lines.ts';
import { type RawPage, readRawOutput } from '../../../application/queries/raw-output.ts';
import { MaosError } from '../../../domain/errors.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { stepsView } from '../../contracts/steps-view.ts';
import { locateSession, projectAccess } from '../../project-access.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { refusing } from '../server/refusing.ts';
import { agentDetail } from './agent-detail.ts';
import { agentOperations } from './agent-operations.ts';
import {
  agentParams,
  checkOutputQuerySchema,
  checkParams,
  outputQuerySchema,
  stepsQuerySchema,
} from './agent-schemas.ts';

const defaultSteps = 100;
const defaultBytes = 64 * 1024;
const maxBytes = 256 * 1024;

/** `/api/sessions/{id}/agents/{agent}`: an agent, its steps, and what it and its checks printed. */
export function agentEndpoints({ runtime, projectPath }: HttpDeps): Endpoints {
  const access = projectAccess(runtime, projectPath);
  const histories = new RecentHistories();
  const locate = async (context: Context<HttpEnv>) => {
    const { session_id: id, agent: name } = agentParams;
    const session = parseInput(id, context.req.param('id'), 'session id');
    const reference = parseInput(name, context.req.param('agent'), 'agent');
    const located = await locateSession(access, session);
    const workflow = located.project.store.load(located.id);
    return { ...located, workflow, agent: agentNamed(workflow, reference) };
  };

  const getSessionAgent = refusing(async (context) => {
    const { project, workflow, agent } = await locate(context);
    return context.json(await agentDetail(project, workflow, agent, histories));
  });

  const getAgentSteps = refusing(async (context) => {
    const query = parseInput(stepsQuerySchema, context.req.query(), 'query');
    const { cursor = null, before = null, stream = 'stdout' } = query;
    if (cursor !== null && before !== null) {
      throw new MaosError('INVALID_INPUT', "query: give 'cursor' or 'before', not both.");
    }
    const { project, agent } = await locate(context);
    const limit = Number(query.limit ?? defaultSteps);
    const attempt = query.attempt === undefined ? null : Number(query.attempt);
    const request = { agent, stream, attempt, limit };
    const page =
      before === null
        ? await stepsFrom(project, request, cursor)
        : await stepsBefore(project, request, before === 'end' ? null : before);
    return context.json(stepsView(page));
  });

  const output = async (
    project: Project,
    source: Omit<LineSource, 'maxChars'>,
    { offset, limit }: { readonly offset?: string | undefined; readonly limit?: string | undefined },
  ) => {
    const bytes = Math.min(Number(limit ?? defaultBytes), maxBytes);
    // Less would not hold a character.
    const most = Math.max(bytes, 4);
    return outputView(await readRawOutput(project, { ...source, maxChars: most }, Number(offset ?? 0), most));
  };

  const getAgentOutput = refusing(async (context) => {
    const { stream = 'stdout', ...range } = parseInput(outputQuerySchema, context.req.query(), 'query');
    const { project, agent } = await locate(context);
    return context.json(await output(project, { agent, view: stream }, range));
  });

  const getCheckOutput = refusing(async (context) => {
    const { stream, ...range } = parseInput(checkOutputQuerySchema, context.req.query(), 'query');
    const asked = parseInput(checkParams.check, context.req.param('check'), 'check');
    const { project, agent } = await locate(context);
    const check = checkNumberOf(agent, asked);
    return context.json(await output(project, { agent, view: stream ?? 'readable', check }, range));
  });

  const handlers = { getSessionAgent, getAgentSteps, getAgentOutput, getCheckOutput };
  return endpoints(agentOperations, handlers, new Hono<HttpEnv>());
}

function outputView({ text, offset, nextOffset, size, atEnd }: RawPage) {
  return { text, offset, next_offset: nextOffset, size, at_end: atEnd };
}
