// Writes docs/cli.schema.json: what each command prints with --json, as JSON Schemas.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import {
  diffSchema,
  evidenceSchema,
  landingSchema,
  sessionStatusSchema,
} from '../../src/presentation/http/sessions/session-schemas.ts';
import {
  controlled,
  count,
  event,
  followed,
  message,
  messageShape,
  request,
  requestOfProject,
  status,
  summary,
  text,
  time,
  unread,
  workflow,
} from './cli-shapes.ts';

export const schemaFile = join(import.meta.dirname, '../../docs/cli.schema.json');

const setting = z.strictObject({
  key: text,
  value: z.unknown(),
  origin: text,
  description: text,
  allowed: text,
});
const role = z.looseObject({
  name: text,
  title: text,
  description: text,
  responsibilities: z.array(text),
  capabilities: z.array(text),
  default_timeout_minutes: z.number(),
  default_max_memory_mb: z.number(),
  predefined: z.boolean(),
});
const backend = z.looseObject({
  name: text,
  title: text,
  package_name: text.nullable(),
  tested_version: text.nullable(),
  available: z.boolean(),
  path: text.nullable(),
  version: text.nullable(),
  signed_in: z.enum(['yes', 'no', 'unknown']),
  remark: text.nullable(),
  problem: text.nullable(),
  capabilities: z.record(text, z.unknown()),
});
const agentProcess = z.strictObject({
  agent_id: text,
  name: text.nullable(),
  role: text.nullable(),
  session_id: text.nullable(),
  session_state: text.nullable(),
  project: text.nullable(),
  pid: count,
  processes: count,
  state: z.enum(['running', 'suspended', 'left_behind']),
  stray: z.boolean(),
  owner: text.nullable(),
  started_at: time,
  cpu_ms: z.number(),
  cpu_percent: z.number().nullable(),
  memory_bytes: count,
  last_output_at: time.nullable(),
});
const instance = z.strictObject({
  instance_id: text,
  pid: count,
  version: text,
  state: z.enum(['alive', 'stale', 'gone']),
  started_at: time,
  port: count.nullable(),
  project: text,
  session_ids: z.array(text),
});
const collected = z.strictObject({
  project: text,
  removed: z.array(
    z.strictObject({ session_id: text, reason: text, ended_at: time.nullable(), bytes: count }),
  ),
  removed_bytes: count,
  kept: count,
  kept_bytes: count,
  not_removed: z.array(z.unknown()),
  held_back: z.array(z.strictObject({ session_id: text, path: text, reason: text })),
  refs: z.array(z.strictObject({ name: text, session_id: text, commit: text, reason: text, since: time })),
});

const messages = z.strictObject({ messages: z.array(message) });
const changedSetting = z.strictObject({
  key: text,
  path: text,
  changed: z.boolean(),
  in_force: setting.nullable(),
});
const fault = z.looseObject({ code: text, message: text, line: count, column: count });
const landedBranch = z.looseObject({ agent: text, state: text });
const nothingToLand = z.strictObject({
  type: z.literal('summary'),
  session_id: text,
  target: text,
  landed: z.array(landedBranch),
  exit_status: count,
});
const { session_id, dry_run, target, branches } = landingSchema.shape;
const { session_id: _, ...agentDiff } = diffSchema.shape;

/** What each command prints on stdout with --json, by the command line; of streams, one line. */
export const cliDocuments: Readonly<Record<string, z.ZodType>> = {
  run: followed,
  'run --dry-run': z.looseObject({ dry_run: z.literal(true), ...summary }),
  'run --detach': z.looseObject({ ...workflow, remarks: z.array(text).optional() }),
  'plan check': z.strictObject({
    file: text,
    valid: z.boolean(),
    faults: z.array(fault),
    warnings: z.array(text),
    agents: count.optional(),
    phases: count.optional(),
  }),
  'plan graph': z.strictObject({
    agents: z.array(z.strictObject({ name: text, role: text, phase: count, depends_on: z.array(text) })),
    mermaid: text,
  }),
  demo: followed,
  list: z.strictObject({
    sessions: z.array(z.strictObject({ ...summary, project: text })),
    more: count.optional().describe('Sessions beyond --limit'),
    not_read: unread,
  }),
  status,
  'status --watch': followed,
  attach: followed,
  wait: z.strictObject({
    ...summary,
    landed_by: sessionStatusSchema.shape.landed_by,
    timed_out: z.boolean(),
  }),
  logs: z.looseObject({ agent_id: text, name: text, stream: text, line: text }),
  events: event,
  'message send': z.strictObject({
    project: text,
    messages: z.array(z.strictObject({ ...messageShape, delivery: text })),
  }),
  'message read': messages,
  'message ack': z.strictObject({ ...messageShape, project: text }),
  'message wait': z.strictObject({ message, reply: message.nullable() }),
  'message list': messages,
  'message search': messages,
  pause: controlled,
  resume: z.union([controlled, followed]),
  retry: z.union([controlled, followed]),
  cancel: controlled,
  land: z.union([followed, nothingToLand]),
  'land --dry-run': z.strictObject({ session_id, dry_run, target, branches }),
  requests: z.strictObject({ requests: z.array(requestOfProject) }),
  approve: requestOfProject,
  deny: requestOfProject,
  answer: requestOfProject,
  ask: request,
  report: z.strictObject({ agent_id: text, session_id: text, text, progress: count.nullable() }),
  claim: z.strictObject({
    claimed: z.array(
      z.strictObject({ path: text, agent: text, reason: text, claimed_at: time, expires_at: time }),
    ),
  }),
  release: z.strictObject({ released: z.array(text) }),
  diff: z.strictObject({ session_id, agents: z.array(z.strictObject(agentDiff)) }),
  evidence: evidenceSchema,
  ps: z.strictObject({ agents: z.array(agentProcess), not_read: unread }),
  'host list': z.strictObject({
    hosts: z.array(
      z.strictObject({
        ...{ name: text, pools: z.array(text), slots: count, running: count, free_memory_mb: count },
        ...{ draining: z.boolean(), version: text, reported_at: time, labels: z.record(text, text) },
        backends: z.array(
          z.strictObject({
            ...{ name: text, installed: z.boolean(), version: text.nullable() },
            ...{ signed_in: z.enum(['yes', 'no', 'unknown']), held_until: time.nullable() },
          }),
        ),
      }),
    ),
  }),
  'host --detach': z.strictObject({ name: text, pools: z.array(text), pid: count, log: text }),
  'host key': z.strictObject({ public_key: text, file: text, created: z.boolean() }),
  host: z.strictObject({ draining: z.literal(true) }).describe('With the action drain'),
  instances: z.strictObject({ instances: z.array(instance), not_read: unread }),
  gc: z.strictObject({
    dry_run: z.boolean(),
    removed_bytes: count,
    projects: z.array(collected),
    not_read: unread,
  }),
  'audit verify': z.strictObject({
    session_id: text,
    sound: z.boolean(),
    first_bad_seq: count.nullable(),
    events: count,
    last_hash: text.nullable(),
    log_records: count,
    log_behind: count,
    check_logs: count,
    check_logs_missing: count,
    problems: z.array(z.looseObject({ where: text, kind: text, message: text })),
  }),
  export: z.strictObject({
    session_id: text,
    path: text,
    files: count,
    content_bytes: count,
    archive_bytes: count,
    notes: z.array(text),
  }),
  recover: z.looseObject({
    ...workflow,
    recovered_from: text,
    events: count,
    passed_over: z.array(text),
    started: z.boolean(),
    project: text,
  }),
  config: z.strictObject({ settings: z.array(setting), warnings: z.array(text) }),
  'config get': setting,
  'config set': changedSetting,
  'config unset': changedSetting,
  'config edit': z.strictObject({ path: text, changed: z.boolean() }),
  'config path': z.strictObject({ path: text }),
  roles: z.strictObject({
    roles: z.array(role),
    aliases: z.record(text, text),
    shadowed: z.array(role),
    problems: z.array(z.looseObject({ path: text, message: text })),
  }),
  'roles show': role.extend({ briefing: text }),
  backends: z.strictObject({ backends: z.array(backend) }),
  completion: z.strictObject({ shell: text, script: text }),
  init: z.strictObject({
    scope: z.enum(['user', 'project']),
    client: text,
    action: text.nullable(),
    file: text.nullable(),
    entry: z.strictObject({ type: text, command: text, args: z.array(text) }).nullable(),
    starts_by: z.enum(['name', 'path', 'package']).nullable(),
    caveat: text.nullable(),
    file_removed: z.boolean().optional(),
    previous: text.nullable(),
    shadowed_by: text.nullable(),
    others: z.array(z.strictObject({ client: text, file: text, text })),
  }),
  open: z.strictObject({ url: text, expires_at: time, pid: count, port: count, started: z.boolean() }),
  'open --stop': z.strictObject({
    stopped: z.array(z.strictObject({ pid: count, ended: z.boolean() })),
  }),
  token: z.strictObject({ token: text }),
  version: z.strictObject({ version: text, node: text, platform: text }),
  doctor: z.strictObject({
    usable: z.boolean(),
    version: text,
    home: text,
    checks: z.array(
      z.strictObject({
        name: text,
        state: z.enum(['ok', 'warning', 'problem']),
        detail: text,
        fix: text.nullable(),
      }),
    ),
    settings: z.array(z.strictObject({ key: text, value: z.unknown(), origin: text })),
    backends: z.array(backend),
  }),
  /** On stderr, whatever the command. */
  error: z.strictObject({
    error: z.strictObject({ code: text, message: text, details: z.record(text, z.unknown()) }),
  }),
};

/** The required content of the file. */
export function renderSchema(): string {
  const { $schema, ...documents } = z.toJSONSchema(z.object(cliDocuments), { target: 'draft-2020-12' });
  const properties = documents.properties ?? {};
  const schema = {
    $schema,
    title: 'What maos prints with --json, by command',
    $defs: { ...documents.$defs, ...properties },
  };
  return `${JSON.stringify(schema, null, 2).replaceAll('"#/properties/', '"#/$defs/')}\n`;
}

if (process.argv[1] === import.meta.filename) writeFileSync(schemaFile, renderSchema());
