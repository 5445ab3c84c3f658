import { type Context, Hono } from 'hono';
import { gatherEvidence } from '../../../application/evidence/evidence.ts';
import { hasWork, noBranch, workDiff } from '../../../application/evidence/work-diff.ts';
import { latestWithWorktrees } from '../../../application/landing/landing-facts.ts';
import { previewLanding } from '../../../application/landing/preview.ts';
import { startLanding } from '../../../application/landing/start-landing.ts';
import type { LatestOf } from '../../../application/queries/lookup.ts';
import { agentNamed } from '../../contracts/agent-named.ts';
import { whatLandDoes } from '../../contracts/consequences.ts';
import { evidenceView } from '../../contracts/evidence-view.ts';
import { previewView, startedView } from '../../contracts/landing-view.ts';
import { parseInput } from '../../contracts/parse-input.ts';
import { workDiffView } from '../../contracts/work-view.ts';
import { locateSession, projectAccess } from '../../project-access.ts';
import type { HttpDeps } from '../server/deps.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { jsonBody, refusing } from '../server/refusing.ts';
import { artifactHandler } from './artifact-route.ts';
import { placedStatus } from './placed-status.ts';
import { control, foreseen } from './session-control.ts';
import { listSessions } from './session-list.ts';
import { sessionOperations } from './session-operations.ts';
import { eventsPage, messagesPage } from './session-records.ts';
import {
  controlSchema,
  diffQuerySchema,
  evidenceQuerySchema,
  landSchema,
  sessionEventsQuerySchema,
  sessionMessagesQuerySchema,
  sessionReferenceSchema,
  sessionsQuerySchema,
} from './session-schemas.ts';

/** `/api/sessions`: the sessions; a session's status, evidence and changes, and the landing of its work. */
export function sessionEndpoints({ runtime, projectPath, ending }: HttpDeps): Endpoints {
  const access = projectAccess(runtime, projectPath);
  const locate = (context: Context<HttpEnv>, latestOf: LatestOf | null = null) => {
    const reference = parseInput(sessionReferenceSchema, context.req.param('id'), 'session id');
    return locateSession(access, reference, latestOf);
  };

  const list = refusing(async (context) => {
    const query = parseInput(sessionsQuerySchema, context.req.query(), 'query');
    const { path } = await runtime.projectOf(projectPath);
    return context.json(await listSessions(runtime, query, path));
  });

  const getSessionStatus = refusing(async (context) => {
    const { project, id } = await locate(context);
    return context.json(placedStatus(project, id));
  });

  const getSessionEvents = refusing(async (context) => {
    const query = parseInput(sessionEventsQuerySchema, context.req.query(), 'query');
    const { project, id } = await locate(context);
    return context.json(eventsPage(project, id, query));
  });

  const getSessionMessages = refusing(async (context) => {
    const query = parseInput(sessionMessagesQuerySchema, context.req.query(), 'query');
    const { project, id } = await locate(context);
    return context.json(messagesPage(project, id, query));
  });

  const getEvidence = refusing(async (context) => {
    const { agent } = parseInput(evidenceQuerySchema, context.req.query(), 'query');
    const { project, id } = await locate(context);
    const name = agent === undefined ? null : agentNamed(project.store.load(id), agent).name;
    return context.json(evidenceView(await gatherEvidence(project, id, name)));
  });

  const getDiff = refusing(async (context) => {
    const query = parseInput(diffQuerySchema, context.req.query(), 'query');
    const { project, id } = await locate(context);
    const workflow = project.store.load(id);
    const agent = agentNamed(workflow, query.agent);
    if (!hasWork(agent)) throw noBranch(id, agent.name);
    const form = { colour: false, stat: query.stat === 'true' };
    const changes = await workDiff(project, workflow.session, agent, form);
    return context.json({ session_id: id, ...workDiffView(changes) });
  });

  const controlSession = refusing(async (context) => {
    const body = parseInput(controlSchema, await jsonBody(context), 'body');
    const located = await locate(context);
    if (body.dry_run === true) return context.json(foreseen(located, body));
    const isDone = await control(located, body, ending);
    return context.json(placedStatus(located.project, located.id), isDone ? 200 : 202);
  });

  const landSession = refusing(async (context) => {
    const body = parseInput(landSchema, await jsonBody(context), 'body');
    const { into = null, squash = false, dry_run = false } = body;
    const { project, supervisor, id } = await locate(context, latestWithWorktrees);
    const none = { session_id: id, landing_session_id: null };
    if (dry_run) {
      const preview = previewView(await previewLanding(project, id, into));
      const announced = whatLandDoes(project.store.load(id));
      return context.json({
        ...none,
        ...preview,
        ...(typeof announced === 'string' ? {} : { will: announced.says }),
      });
    }
    const landing = await startLanding(project, supervisor, id, { into, squash, merger: null });
    const view = { session_id: id, ...startedView(landing) };
    return context.json(view, landing.workflow === null ? 200 : 202);
  });

  const handlers = {
    listSessions: list,
    getSessionStatus,
    getSessionEvents,
    getSessionMessages,
    getEvidence,
    getDiff,
    getArtifact: artifactHandler(locate),
    controlSession,
    landSession,
  };
  return endpoints(sessionOperations, handlers, new Hono<HttpEnv>());
}
