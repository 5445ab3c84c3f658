import { hostname, userInfo } from 'node:os';
import { Hono } from 'hono';
import type { UnreadProject } from '../../../application/runtime.ts';
import type { HttpDeps } from '../server/deps.ts';
import { eachProject } from '../server/each-project.ts';
import { type Endpoints, endpoints, type HttpEnv } from '../server/endpoints.ts';
import { refusing } from '../server/refusing.ts';
import { overviewOperations } from './overview-operations.ts';
import { labelsOf } from './project-labels.ts';

/** `/api/overview`: what the dashboard shows before any session. */
export function overviewEndpoints({ runtime, projectPath }: HttpDeps): Endpoints {
  const getOverview = refusing(async (context) => {
    const { project: own } = await runtime.openProject(projectPath);
    const now = own.clock.now();
    const unread: UnreadProject[] = [];
    const read = await eachProject(
      runtime,
      ({ path, store }) => ({ path, open: store.inputRequests.countOpen(now) }),
      (project) => unread.push(project),
    );
    const problems = new Map(unread.map(({ path, file, error }) => [path ?? file, error.message]));
    const paths = [...new Set([own.path, ...read.map(({ path }) => path), ...problems.keys()])];
    const labels = labelsOf(paths);
    const { defaultBackend, allowCommands, maxConcurrentAgents } = own.settings;
    return context.json({
      version: runtime.version,
      pid: process.pid,
      user: userName(),
      host: hostname(),
      home: runtime.home,
      now,
      project: own.path,
      projects: paths.map((path, index) => {
        const problem = problems.get(path);
        return { path, label: labels[index] ?? path, ...(problem === undefined ? {} : { problem }) };
      }),
      open_requests: read.reduce((sum, { open }) => sum + open, 0),
      settings: {
        default_backend: defaultBackend,
        allow_commands: allowCommands,
        max_concurrent_agents: maxConcurrentAgents,
      },
    });
  });
  return endpoints(overviewOperations, { getOverview }, new Hono<HttpEnv>());
}

function userName(): string {
  try {
    return userInfo().username;
  } catch {
    // A user without an entry in the system's list, as in some containers.
    return String(process.getuid?.() ?? '');
  }
}
