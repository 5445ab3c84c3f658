import * as z from 'zod';
import { errorsOf, type Operation, refusalSchema } from '../server/openapi.ts';

const limit = z.int().nullable();

const overviewSchema = z
  .strictObject({
    version: z.string(),
    pid: z.int().describe('Of this server'),
    user: z.string(),
    host: z.string().describe('Name of this machine'),
    home: z.string().describe('The folder of all state'),
    now: z.iso.datetime().describe("This machine's clock"),
    project: z.string().describe('Path of the project that the server was started in'),
    projects: z
      .array(
        z.strictObject({
          path: z.string(),
          label: z
            .string()
            .describe('Its last folder, with as many parent folders as distinguish it from the others'),
          problem: z.string().optional().describe('Why its sessions are not shown'),
        }),
      )
      .describe("The server's own first, then by last use"),
    open_requests: z
      .int()
      .min(0)
      .describe('Permissions and questions of all projects that wait for an answer'),
    settings: z.strictObject({
      default_backend: z.string(),
      allow_commands: z
        .array(z.string())
        .describe('Command lines, or patterns with `*`, that a plan started from here may run'),
      max_concurrent_agents: z.strictObject({ machine: z.int(), session: limit, role: limit }),
    }),
  })
  .meta({ id: 'Overview' });

export const overviewOperations = [
  {
    ...{ method: 'get', path: '/api/overview', id: 'getOverview', tag: 'maos' },
    summary: 'This MAOS: its version, projects and open requests',
    answers: { 200: { description: 'The overview', content: { 'application/json': overviewSchema } } },
    errors: errorsOf(refusalSchema, 400, 403),
  },
] as const satisfies readonly Operation[];
