import { join } from 'node:path';
import * as z from 'zod';
import { type ParsedText, TextFormatError } from '../../../application/ports/parsed-text.ts';
import type { RoleFinding } from '../../../application/ports/roles.ts';
import { quote } from '../../../domain/errors.ts';
import { fileRole } from '../../../domain/roles/file-role.ts';
import { isRoleName, toRoleName } from '../../../domain/roles/role.ts';
import { parseJson } from '../../text-formats/json.ts';
import { FrontMatterError } from './front-matter.ts';
import { agentTraits, parseRoleDocument, type RoleDocument, roleOfText } from './role-text.ts';
import {
  type Allowance,
  nameFrom,
  problemOf,
  type RoleText,
  readRoleText,
  readRoleTexts,
} from './role-texts.ts';

const line = (max: number) => z.string().trim().min(1, 'must not be empty').max(max);

/** A role in registry.json. Keys are those of `maos roles --json`, limits those of a plan. */
const entryShape = z.strictObject({
  name: z.string().refine(isRoleName, "must be 1 to 63 of a-z, 0-9 and '_', beginning with a letter"),
  description: line(2_000).optional(),
  responsibilities: z.array(line(500)).max(20).optional(),
  capabilities: z.array(line(60)).max(20).optional(),
  default_timeout_minutes: z.number().positive().max(10_080).optional(),
  default_max_memory_mb: z.int().min(16).max(1_048_576).optional(),
  backend: line(63).optional(),
  model: z
    .string()
    .regex(/^[^\s-]\S{0,199}$/, 'must be the name of a model')
    .optional(),
  /** A file in templates/; default: the one named after the role, if it exists. */
  template: z
    .string()
    .regex(/^[A-Za-z0-9][\w.-]*\.md$/, "must be the name of a file in templates/, such as 'scribe.md'")
    .optional(),
});

const registryShape = z.strictObject({ roles: z.array(z.unknown()).max(200) });

/**
 * The roles in MAOS's own folder: those in registry.json, each with the prompt of its template, and templates that have
 * a name and a description of their own.
 * @param folder `~/.maos/agents`
 */
export function readRegistry(folder: string, allowance: Allowance): readonly RoleFinding[] {
  const file = join(folder, 'registry.json');
  const { texts, problems } = readRoleTexts(join(folder, 'templates'), allowance);
  const text = readRoleText(file);
  const taken = new Set<RoleText>();
  return [
    ...(text === null ? [] : typeof text === 'string' ? parseEntries(text) : [refused(text.message)]),
    ...templates(texts.filter((template) => !taken.has(template))),
    ...problems.map((problem) => ({ kind: 'problem' as const, problem })),
  ];

  function parseEntries(json: string): readonly RoleFinding[] {
    let content: ParsedText;
    try {
      content = parseJson(json, { comments: true });
    } catch (error) {
      if (!(error instanceof TextFormatError)) throw error;
      const { line, column } = error.position;
      return [refused(`line ${line}, column ${column}: ${error.message}.`)];
    }
    const registry = registryShape.safeParse(content.value);
    if (!registry.success) {
      return [refused(`${issueOf(registry.error, '')}: it must be {"roles": [{"name": "…", …}]}.`)];
    }
    const seen = new Set<string>();
    return registry.data.roles.map((value, index) => {
      const place = `roles[${index}]`;
      const entry = entryShape.safeParse(value);
      const name = (value as { readonly name?: unknown } | null)?.name;
      if (!entry.success) {
        return refused(`${issueOf(entry.error, place)}.`, typeof name === 'string' ? toRoleName(name) : null);
      }
      if (seen.has(entry.data.name)) return refused(`${place}.name: ${quote(name)} is a duplicate.`, null);
      seen.add(entry.data.name);
      return roleOfEntry(entry.data, place);
    });
  }

  function roleOfEntry(entry: z.infer<typeof entryShape>, place: string): RoleFinding {
    const { name, template: wanted } = entry;
    const template = texts.find(({ path }) =>
      wanted === undefined ? nameFrom(path) === name : path === join(folder, 'templates', wanted),
    );
    if (template !== undefined) taken.add(template);
    else if (wanted !== undefined) {
      return refused(`${place}.template: templates/${wanted} is missing or unusable.`, name);
    }
    let document: RoleDocument;
    try {
      document = parseRoleDocument(template?.text ?? '');
    } catch (error) {
      if (!(error instanceof FrontMatterError) || template === undefined) throw error;
      const problem = problemOf(template.path, `line ${error.line}: ${error.message}.`, name);
      return { kind: 'problem', problem };
    }
    const description = entry.description ?? document.fields?.description;
    if (description === undefined) return refused(`${place}.description is missing.`, name);
    const traits = agentTraits(document.fields);
    const backend = entry.backend ?? traits.backend;
    const input = {
      ...traits,
      name,
      description,
      responsibilities: entry.responsibilities,
      capabilities: entry.capabilities,
      defaultTimeoutMinutes: entry.default_timeout_minutes,
      defaultMaxMemoryMb: entry.default_max_memory_mb,
      prompt: document.body,
      backend,
      model: entry.model === undefined ? traits.model : { name: entry.model, backend },
    };
    return { kind: 'role', role: fileRole(input, 'maos', file) };
  }

  function refused(message: string, name: string | null = null): RoleFinding {
    return { kind: 'problem', problem: problemOf(file, message, name) };
  }
}

function templates(texts: readonly RoleText[]): readonly RoleFinding[] {
  return texts.map((text): RoleFinding => {
    const message = 'it has no entry in registry.json, and no description in its front matter.';
    return (
      roleOfText(text, 'maos', nameFrom(text.path)) ?? {
        kind: 'problem',
        problem: problemOf(text.path, message),
      }
    );
  });
}

/** The first problem and its position: "roles[2].model must be the name of a model". */
function issueOf({ issues }: z.ZodError, place: string): string {
  const [issue] = issues;
  if (issue?.code === 'unrecognized_keys')
    return `${place} has an unknown key ${quote(issue.keys[0])}`.trim();
  const path = (issue?.path ?? []).map((part) =>
    typeof part === 'number' ? `[${part}]` : `.${String(part)}`,
  );
  const what = (issue?.message ?? '').replace(/^Invalid input: /, '');
  return `${`${place}${path.join('')}`.replace(/^\./, '')} ${what}`.trim();
}
