import { randomUUID } from 'node:crypto';
import { type Context, Hono } from 'hono';
import { parseInput } from '../../contracts/parse-input.ts';
import type { HttpDeps } from '../deps.ts';
import { invalid, notFound, readBody } from './errors.ts';
import { agentNameOf } from './role-manifest.ts';
import { isLast, type RunHandle, type RunSource } from './run-source.ts';
import { streamEvents } from './run-stream.ts';
import {
  type AcpEvent,
  idSchema,
  type Run,
  type RunMode,
  runCreateSchema,
  runResumeSchema,
} from './schemas.ts';
import { checkHistory } from './sessions-routes.ts';

/** Runs: made, looked at, cancelled, let go on. */
export function runsRoutes(deps: HttpDeps, source: RunSource): Hono {
  const app = new Hono();

  app.post('/runs', async (context) => {
    const body = await readBody(context, runCreateSchema);
    const agent = await findAgent(source, body.agent_name);
    const sessionId = (body.session_id ?? body.session?.id ?? randomUUID()).toLowerCase();
    if (body.session != null && body.session.id.toLowerCase() !== sessionId) {
      throw invalid('session_id and session.id name different sessions.');
    }
    await checkHistory(source, sessionId, body.session?.history ?? []);
    const run = await source.start(agent, body.input, sessionId);
    context.header('Run-ID', run.id);
    return answer(deps, context, run, body.mode ?? 'sync', 0, firstRun);
  });

  app.get('/runs/:id', async (context) => {
    const run = await findRun(source, context);
    return context.json(await run.current());
  });

  app.post('/runs/:id', async (context) => {
    const body = await readBody(context, runResumeSchema);
    const run = await findRun(source, context);
    if (body.run_id != null && body.run_id.toLowerCase() !== run.id) {
      throw invalid('run_id is not the run of the path.');
    }
    const before = (await eventsOf(run)).length;
    await run.resume(body.await_resume.message);
    context.header('Run-ID', run.id);
    return answer(deps, context, run, body.mode ?? 'sync', before, async () => ({
      ...(await run.current()),
      status: 'in-progress',
      await_request: null,
    }));
  });

  app.post('/runs/:id/cancel', async (context) => {
    const run = await findRun(source, context);
    await run.cancel();
    return context.json({ ...(await run.current()), status: 'cancelling' }, 202);
  });

  app.get('/runs/:id/events', async (context) => {
    const run = await findRun(source, context);
    return context.json({ events: await eventsOf(run) });
  });

  return app;
}

/** Answers as the mode says, with the events after the first `skip`. @param accepted the run for an async answer */
async function answer(
  { ending }: HttpDeps,
  context: Context,
  run: RunHandle,
  mode: RunMode,
  skip: number,
  accepted: (run: RunHandle) => Promise<Run>,
): Promise<Response> {
  if (mode === 'async') return context.json(await accepted(run), 202);
  const stop = new AbortController();
  const signal = AbortSignal.any([stop.signal, ending, context.req.raw.signal]);
  const events = run.events(skip, signal);
  if (mode === 'stream') {
    context.header('Content-Type', 'text/event-stream');
    context.header('Cache-Control', 'no-store');
    return context.body(streamEvents(events, stop));
  }
  for await (const event of events) if (isLast(event)) break;
  return context.json(await run.current());
}

/** As it was when it was made, however far it has come by now. */
async function firstRun(run: RunHandle): Promise<Run> {
  for await (const event of run.events(0, null)) if ('run' in event) return event.run;
  return run.current();
}

async function eventsOf(run: RunHandle): Promise<readonly AcpEvent[]> {
  const events: AcpEvent[] = [];
  for await (const event of run.events(0, null)) events.push(event);
  return events;
}

async function findAgent(source: RunSource, asked: string): Promise<string> {
  const name = agentNameOf(asked);
  const agents = await source.agents();
  if (agents.some((agent) => agent.name === name)) return name;
  throw notFound(`There is no agent ${JSON.stringify(asked)}: GET /acp/agents lists them.`);
}

async function findRun(source: RunSource, context: Context): Promise<RunHandle> {
  const id = parseInput(idSchema, context.req.param('id'), 'run id').toLowerCase();
  const run = await source.find(id);
  if (run !== null) return run;
  throw notFound(`There is no run ${id}.`);
}
