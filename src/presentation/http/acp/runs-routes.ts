import { randomUUID } from 'node:crypto';
import type { HttpBindings } from '@hono/node-server';
import type { Context } from 'hono';
import type * as z from 'zod';
import { parseInput } from '../../contracts/parse-input.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Arrival, ArrivalOrder } from './arrival-order.ts';
import { invalid, notFound, readBody } from './errors.ts';
import { agentNameOf } from './role-manifest.ts';
import { isLast, type RunHandle, type RunSource } from './run-source.ts';
import { streamEvents } from './run-stream.ts';
import {
  type AcpEvent,
  idSchema,
  type Message,
  type Run,
  type RunMode,
  runCreateSchema,
  runResumeSchema,
} from './schemas.ts';
import { checkSession } from './sessions-routes.ts';

/** How long a request waits for the bodies of earlier requests. */
const bodyPatienceMs = 10_000;

export function runsHandlers(deps: HttpDeps, source: RunSource) {
  const order = new ArrivalOrder(bodyPatienceMs);

  const start = async (context: Context, arrival: Arrival): Promise<Started> => {
    const body = await readBody(context, runCreateSchema);
    const named = (body.session_id ?? body.session?.id)?.toLowerCase();
    if (body.session != null && body.session.id.toLowerCase() !== named) {
      throw invalid('session_id and session.id are different sessions.');
    }
    // A request that opens a new session need not wait for others.
    if (named === undefined) arrival.leave();
    else await arrival.turn(named);
    const sessionId = named ?? randomUUID();
    const agent = await findAgent(source, body.agent_name);
    if (body.session != null) await checkSession(source, sessionId, body.session);
    return { body, run: await source.start(agent, body.input.map(normal), sessionId) };
  };

  const createRun = async (context: Context) => {
    const arrival = order.arrive();
    const { body, run } = await start(context, arrival).finally(arrival.leave);
    context.header('Run-ID', run.id);
    return answer(deps, context, run, body.mode ?? 'sync', 0, firstRun);
  };

  const getRun = async (context: Context) => {
    const run = await findRun(source, context);
    return context.json(await run.current());
  };

  const resumeRun = async (context: Context) => {
    const body = await readBody(context, runResumeSchema);
    const run = await findRun(source, context);
    if (body.run_id != null && body.run_id.toLowerCase() !== run.id) {
      throw invalid('run_id does not match the run in the path.');
    }
    const before = (await eventsOf(run)).length;
    await run.resume(body.await_resume.message);
    context.header('Run-ID', run.id);
    return answer(deps, context, run, body.mode ?? 'sync', before, async () => ({
      ...(await run.current()),
      status: 'in-progress',
      await_request: null,
    }));
  };

  const cancelRun = async (context: Context) => {
    const run = await findRun(source, context);
    await run.cancel();
    // The run may have ended already; the next request reports that.
    const asked = { status: 'cancelling', await_request: null, finished_at: null };
    return context.json({ ...(await run.current()), ...asked }, 202);
  };

  const listRunEvents = async (context: Context) => {
    const run = await findRun(source, context);
    return context.json({ events: await eventsOf(run) });
  };

  return { createRun, getRun, resumeRun, cancelRun, listRunEvents };
}

interface Started {
  readonly body: z.infer<typeof runCreateSchema>;
  readonly run: RunHandle;
}

/**
 * Answers in the requested mode, with the events after the first `skip`. @param accepted the response body for `async`
 */
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
    // Proxies may buffer a response that they take for a page.
    context.header('X-Accel-Buffering', 'no');
    return context.body(streamEvents(events, stop, () => disconnect(context)));
  }
  for await (const event of events) if (isLast(event)) break;
  return context.json(await run.current());
}

/** The form in which a message is returned: clients require a role, and times in UTC. */
function normal({ role = 'user', parts, created_at, completed_at }: Message): Message {
  return {
    role,
    parts,
    ...(created_at == null ? {} : { created_at: new Date(created_at).toISOString() }),
    ...(completed_at == null ? {} : { completed_at: new Date(completed_at).toISOString() }),
  };
}

/** The run as it was when created, whatever its state now. */
async function firstRun(run: RunHandle): Promise<Run> {
  for await (const event of run.events(0, null)) if ('run' in event) return event.run;
  return run.current();
}

/** Works only when Node's server is underneath. */
function disconnect({ env }: Context): void {
  (env as Partial<HttpBindings> | undefined)?.outgoing?.destroy();
}

async function eventsOf(run: RunHandle): Promise<readonly AcpEvent[]> {
  const events: AcpEvent[] = [];
  for await (const event of run.events(0, null)) events.push(event);
  return events;
}

async function findAgent(source: RunSource, asked: string): Promise<string> {
  const name = agentNameOf(asked);
  if (await source.has(name)) return name;
  throw notFound(`There is no agent ${JSON.stringify(asked)}: GET /acp/agents lists them.`);
}

async function findRun(source: RunSource, context: Context): Promise<RunHandle> {
  const id = parseInput(idSchema, context.req.param('id'), 'run id').toLowerCase();
  const run = await source.find(id);
  if (run !== null) return run;
  throw notFound(`There is no run ${id}.`);
}
