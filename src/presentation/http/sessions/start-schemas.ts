import * as z from 'zod';
import { errorCodes } from '../../../domain/errors.ts';
import { projectPath } from '../events/event-schemas.ts';
import { sessionStatusSchema } from './session-schemas.ts';

/** Schemas of starting a session, and of what its form needs. */

const folder = z.string().min(1).max(4096);

export const startSchema = z
  .strictObject({
    project: folder
      .optional()
      .describe("Absolute path of the folder that the team works in; default: the server's own"),
    plan: z.unknown().optional().describe("The plan, as of the tool 'orchestrate'"),
    text: z
      .string()
      .min(1)
      .max(2_000_000)
      .optional()
      .describe('Instead of `plan`: the text of a plan file, in JSON (with comments) or YAML'),
    set: z
      .record(z.string(), z.string().max(100_000))
      .optional()
      .describe('Values of variables that the text declares'),
    dry_run: z.boolean().optional().describe('Only show the plan; store and run nothing'),
  })
  .meta({ id: 'StartSession', description: 'Either `plan` or `text`.' });

export const dryRunSchema = z
  .looseObject({
    dry_run: z.literal(true),
    project: projectPath,
    objective: z.string(),
    remarks: z.array(z.string()).describe('What people should know, such as a CLI that is missing'),
    phases: z.array(z.array(z.string())).describe('Names of the agents that can run at the same time'),
    agents: z.array(
      z.looseObject({
        name: z.string(),
        role: z.string(),
        backend: z.string(),
        phase: z.int(),
        depends_on: z.array(z.string()),
        task: z.string(),
        timeout_ms: z.int().nullable(),
        max_memory_mb: z.int().nullable(),
      }),
    ),
    commands: z
      .array(z.strictObject({ agent: z.string(), command: z.array(z.string()) }))
      .describe('What would be started, program and arguments; the prompt is not part of it'),
  })
  .meta({ id: 'DryRun' });

export const startedSchema = z
  .looseObject({
    ...sessionStatusSchema.shape,
    remarks: z.array(z.string()).describe('What people should know'),
  })
  .meta({ id: 'StartedSession' });

export const planRefusalSchema = z
  .strictObject({
    code: z.enum(errorCodes),
    message: z.string(),
    faults: z
      .array(
        z.strictObject({
          code: z.enum(errorCodes),
          message: z.string(),
          path: z.array(z.union([z.string(), z.number()])).describe('Keys and indexes in the plan'),
          line: z.int(),
          column: z.int(),
        }),
      )
      .optional()
      .describe('Of a plan that was given as text: every fault, with its place'),
  })
  .meta({ id: 'PlanRefusal' });

export const formQuerySchema = z.strictObject({
  project: folder.optional().describe("Absolute path of the folder; default: the server's own"),
});

export const rolesSchema = z
  .strictObject({
    roles: z
      .array(
        z.looseObject({
          name: z.string(),
          title: z.string(),
          description: z.string(),
          responsibilities: z.array(z.string()),
          capabilities: z.array(z.string()),
          default_timeout_minutes: z.number(),
          default_max_memory_mb: z.int(),
          predefined: z.boolean(),
        }),
      )
      .describe('Those of files first'),
    problems: z
      .array(z.strictObject({ path: z.string(), message: z.string() }))
      .describe('Files of roles that cannot be used'),
  })
  .meta({ id: 'Roles' });

export const backendsSchema = z
  .strictObject({
    backends: z.array(
      z.looseObject({
        name: z.string(),
        title: z.string(),
        available: z.boolean(),
        version: z.string().nullable(),
        signed_in: z.enum(['yes', 'no', 'unknown']),
        problem: z.string().nullable(),
        capabilities: z.looseObject({}),
      }),
    ),
  })
  .meta({ id: 'Backends' });
