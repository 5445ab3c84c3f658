import * as z from 'zod';
import { predefinedRoles } from '../../../domain/roles/catalog.ts';
import { customRole, type Role } from '../../../domain/roles/role.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { count } from '../../contracts/event-lines.ts';
import { shorten } from '../../contracts/session-answers.ts';
import { formatCursor, parseCursor } from '../cursor.ts';
import { locateSession } from '../sessions.ts';
import { defineTool, readsOnly } from '../tool.ts';

const input = z.strictObject({
  include_predefined: z.boolean().default(true),
  include_custom: z.boolean().default(true),
  session_id: z.string().optional().describe('Only roles used in this session'),
  cursor: z.string().optional(),
});

const entry = z.strictObject({
  name: z.string(),
  description: z.string(),
  capabilities: z.array(z.string()),
  timeout_minutes: z.number(),
  max_memory_mb: z.int(),
  custom: z.literal(true).optional(),
});

type Entry = z.infer<typeof entry>;

const output = z.strictObject({
  summary: z.string(),
  roles: z.array(entry),
  next_cursor: z.string().optional(),
});

type Answer = z.infer<typeof output>;

/** What agents can be. */
export const listRoles = defineTool({
  name: 'list-roles',
  title: 'Roles for agents',
  description:
    'Roles an agent can have, with default limits. Your own role needs no entry: give orchestrate {name, description}.',
  input,
  output,
  annotations: readsOnly,
  async run({ include_predefined, include_custom, session_id, cursor }, context) {
    const from = parseCursor(cursor, 'list-roles');
    const roles = session_id === undefined ? predefinedRoles : rolesOf(await load());
    const wanted = roles.filter(({ predefined }) => (predefined ? include_predefined : include_custom));
    return page(wanted.map(entryOf), from);

    async function load(): Promise<Workflow> {
      const { project, id } = await locateSession(context, session_id as string);
      return project.store.load(id);
    }
  },
  // Twenty roles fit into one answer only because the text does without the names of the fields.
  text: textOf,
});

/** The roles of a session's agents, each once. */
function rolesOf({ agents }: Workflow): readonly Role[] {
  const roles = new Map<string, Role>();
  for (const { role } of agents) {
    const known = predefinedRoles.find(({ name }) => name === role.name);
    const { description = role.name, responsibilities = [] } = role.custom ?? {};
    roles.set(role.name, known ?? customRole({ name: role.name, description, responsibilities }));
  }
  return [...roles.values()];
}

function entryOf(role: Role): Entry {
  return {
    name: role.name,
    description: shorten(role.description, 300),
    capabilities: [...role.capabilities],
    timeout_minutes: role.defaultTimeoutMinutes,
    max_memory_mb: role.defaultMaxMemoryMb,
    ...(role.predefined ? {} : { custom: true as const }),
  };
}

/** Twenty roles take 10,080 bytes: closer to the limit of 10,240 than other tools go, for all of them in one answer. */
const maxPageBytes = 10_120;

function page(entries: readonly Entry[], from: number): Answer {
  const rest = entries.slice(from);
  for (let shown = rest.length; ; shown--) {
    const more = shown < rest.length;
    const answer: Answer = {
      summary: `${count(entries.length, 'role')}`,
      roles: rest.slice(0, shown),
      ...(more ? { next_cursor: formatCursor(from + shown) } : {}),
    };
    const bytes =
      Buffer.byteLength(JSON.stringify(answer)) + Buffer.byteLength(JSON.stringify(textOf(answer)));
    if (bytes < maxPageBytes || shown <= 1) return answer;
  }
}

function textOf({ summary, roles, next_cursor }: Answer): string {
  const lines = roles.map(
    (role) =>
      `${role.name}${role.custom === true ? ' (custom)' : ''}: ${role.description} [${role.capabilities.join()}] ${role.timeout_minutes}/${role.max_memory_mb}`,
  );
  const more = next_cursor === undefined ? '' : `\nnext_cursor: ${next_cursor}`;
  return `${summary} (timeout_minutes/max_memory_mb)\n${lines.join('\n')}${more}`;
}
