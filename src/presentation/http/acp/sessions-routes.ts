import type { Context } from 'hono';
import { parseInput } from '../../contracts/parse-input.ts';
import { invalid, notFound } from './errors.ts';
import { messagesOf } from './role-runs.ts';
import type { RunHandle, RunSource } from './run-source.ts';
import { idSchema, indexSchema, type Session } from './schemas.ts';

/** Sessions with the messages of their completed runs, each with its own URL. */
export function sessionsHandlers(source: RunSource) {
  const getSession = async (context: Context): Promise<Response> => {
    const id = parseInput(idSchema, context.req.param('id'), 'session id').toLowerCase();
    const runs = await source.ofSession(id);
    if (runs.length === 0) throw notFound(`There is no session ${id}.`);
    const paths = await historyOf(runs);
    const { origin, pathname } = new URL(context.req.url);
    const base = origin + pathname.replace(/\/sessions?\/[^/]*$/, '');
    return context.json({ id, history: paths.map((path) => `${base}${path}`), state: null });
  };

  const getRunMessage = async (context: Context) => {
    const id = parseInput(idSchema, context.req.param('id'), 'run id').toLowerCase();
    const index = Number(parseInput(indexSchema, context.req.param('index'), 'index of a message'));
    const message = (await messagesOf(await source.find(id)))[index];
    if (message === undefined) throw notFound(`There is nothing at ${context.req.path}.`);
    return context.json(message);
  };

  return { getSession, getSessionByOldPath: getSession, getRunMessage };
}

/** Input and output of each completed run, oldest first, as paths relative to the mount point. */
async function historyOf(runs: readonly RunHandle[]): Promise<readonly string[]> {
  const paths: string[] = [];
  for (const run of runs) {
    const messages = await messagesOf(run);
    paths.push(...messages.map((_, index) => `/runs/${run.id}/messages/${index}`));
  }
  return paths;
}

/**
 * A session object from a caller may only repeat what the session contains: MAOS fetches nothing from given URLs, and
 * keeps no state besides the history.
 * @throws AcpError 422
 */
export async function checkSession(
  source: RunSource,
  sessionId: string,
  { history, state }: Session,
): Promise<void> {
  if (state != null) throw invalid('Leave session.state out: MAOS keeps none, and fetches no URL.');
  const urls = history ?? [];
  if (urls.length === 0) return;
  const own = new Set(await historyOf(await source.ofSession(sessionId)));
  const stranger = urls.find((url) => !own.has(/\/runs\/[^/]+\/messages\/[0-9]+$/.exec(url)?.[0] ?? ''));
  if (stranger === undefined) return;
  throw invalid(
    `The history may only name messages that this session has here, not ${JSON.stringify(stranger)}.`,
  );
}
