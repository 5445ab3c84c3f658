import * as z from 'zod';
import type { RoleProblem } from '../../../application/ports/roles.ts';
import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import { plural } from '../../../domain/amounts.ts';
import { shorten } from '../../../domain/cut-text.ts';
import { roleOf } from '../../../domain/roles/catalog.ts';
import { type FileRole, isFileRole } from '../../../domain/roles/file-role.ts';
import type { Role } from '../../../domain/roles/role.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { locateSession } from '../../project-access.ts';
import { formatCursor, parseCursor } from '../answers/cursor.ts';
import { defineTool, readsOnly } from '../server/tool.ts';

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
  /** The file that defines it. */
  from: z.string().optional(),
});

type Entry = z.infer<typeof entry>;

const output = z.strictObject({
  summary: z.string(),
  roles: z.array(entry),
  next_cursor: z.string().optional(),
});

type Answer = z.infer<typeof output>;

export const listRoles = defineTool({
  name: 'list-roles',
  title: 'Roles for agents',
  description:
    'Roles for agents, with their default limits. To use your own role, give orchestrate {name, description}.',
  input,
  output,
  annotations: readsOnly,
  async run({ include_predefined, include_custom, session_id, cursor }, context) {
    const from = parseCursor(cursor, 'list-roles');
    const { entries, problems } = session_id === undefined ? await known() : await used(session_id);
    const wanted = entries.filter(({ custom = false }) => (custom ? include_custom : include_predefined));
    return page(wanted, problems, from);

    async function known(): Promise<Found> {
      const { custom, predefined, problems } = catalogueOf(await context.roles());
      return { entries: [...custom, ...predefined].map((role) => entryOf(role)), problems };
    }

    async function used(reference: string): Promise<Found> {
      const { project, id } = await locateSession(context, reference);
      const { predefined } = await context.roles();
      return { entries: entriesOf(project.store.load(id), predefined), problems: [] };
    }
  },
  // Without field names in the text, all predefined roles fit into one answer.
  text: textOf,
});

interface Found {
  readonly entries: readonly Entry[];
  readonly problems: readonly RoleProblem[];
}

/** The roles of a session's agents, without duplicates. */
function entriesOf({ agents }: Workflow, predefined: readonly Role[]): readonly Entry[] {
  const roles = new Map(agents.map(({ role }) => [role.name, role]));
  return [...roles.values()].map((role) => entryOf(roleOf(role, predefined), role.custom?.file?.path));
}

function entryOf(role: Role | FileRole, path = isFileRole(role) ? role.path : undefined): Entry {
  return {
    name: role.name,
    description: shorten(role.description.replaceAll(/\s+/g, ' '), 300),
    capabilities: [...role.capabilities],
    timeout_minutes: role.defaultTimeoutMinutes,
    max_memory_mb: role.defaultMaxMemoryMb,
    ...(role.predefined ? {} : { custom: true as const }),
    ...(path === undefined ? {} : { from: path }),
  };
}

/** Closer to the limit of 10,240 than in other tools, to return all predefined roles (10,082 bytes) in one answer. */
const maxPageBytes = 10_120;

function page(entries: readonly Entry[], { length: broken }: readonly RoleProblem[], from: number): Answer {
  const leftOut = broken === 0 ? '' : `; ${plural(broken, 'broken role file')} ignored: see maos roles`;
  const rest = entries.slice(from);
  for (let shown = rest.length; ; shown--) {
    const more = shown < rest.length;
    const answer: Answer = {
      summary: `${plural(entries.length, 'role')}${leftOut}`,
      roles: rest.slice(0, shown),
      ...(more ? { next_cursor: formatCursor(from + shown) } : {}),
    };
    const bytes =
      Buffer.byteLength(JSON.stringify(answer)) + Buffer.byteLength(JSON.stringify(textOf(answer)));
    if (bytes < maxPageBytes || shown <= 1) return answer;
  }
}

function textOf({ summary, roles, next_cursor }: Answer): string {
  const lines = roles.map((role) => {
    const custom = role.custom === true ? ` (custom${role.from === undefined ? '' : `, ${role.from}`})` : '';
    return `${role.name}${custom}: ${role.description} [${role.capabilities.join()}] ${role.timeout_minutes}/${role.max_memory_mb}`;
  });
  const more = next_cursor === undefined ? '' : `\nnext_cursor: ${next_cursor}`;
  return `${summary} (timeout_minutes/max_memory_mb)\n${lines.join('\n')}${more}`;
}
