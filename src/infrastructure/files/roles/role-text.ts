import * as z from 'zod';
import type { RoleFinding } from '../../../application/ports/roles.ts';
import { quote } from '../../../domain/errors.ts';
import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { type FileRoleInput, fileRole, type RoleSource } from '../../../domain/roles/file-role.ts';
import { isRoleName, toRoleName } from '../../../domain/roles/role.ts';
import { commaSeparated, type FrontMatter, FrontMatterError, parseFrontMatter } from './front-matter.ts';
import { problemOf, type RoleText } from './role-texts.ts';

const modelName = z
  .string('must be the name of a model')
  .trim()
  .regex(modelNamePattern, `must be ${modelNameRule}`);

const backendName = z
  .string('must be the name of a backend')
  .trim()
  .regex(/^[a-z][a-z0-9_:-]{0,62}$/, "must be the name of a backend, such as 'codex'");

const toolRule = z
  .string('must be names of tools')
  .regex(
    /^(?:\*|[A-Za-z_][\w*.:/-]*(?:\([^()]*\))?)$/,
    "must be names of tools, such as 'Read, Bash(git log *)'",
  );
const toolRules = z.preprocess(
  (value) => (typeof value === 'string' ? commaSeparated(value) : value),
  z.array(toolRule, 'must be names of tools').max(200),
);

/** The keys that MAOS reads; all others belong to Claude Code. Null: the key has no value. */
const fields = z.object({
  name: z.string('must be a text').trim().optional(),
  description: z.string('must be a text').trim().min(1, 'must not be empty').optional(),
  /** Specific to MAOS. */
  backend: backendName.nullable().default(null),
  model: modelName.nullable().default(null),
  tools: toolRules.nullable().default(null),
  disallowedTools: toolRules.nullable().default(null),
});

export type RoleFields = z.infer<typeof fields>;

/** A Markdown file that describes a role. */
export interface RoleDocument {
  /** Null when the file has no block. */
  readonly fields: RoleFields | null;
  /** The system prompt. */
  readonly body: string;
}

/** @throws FrontMatterError for a block that cannot be read or has an invalid value */
export function parseRoleDocument(text: string): RoleDocument {
  const matter = parseFrontMatter(text);
  if (matter === null) return { fields: null, body: text };
  return { fields: checkFields(matter), body: matter.body };
}

function checkFields({ fields: found }: FrontMatter): RoleFields {
  const values = Object.fromEntries([...found].map(([key, { value }]) => [key, value]));
  const parsed = fields.safeParse(values);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  const key = String(issue?.path[0]);
  throw new FrontMatterError(found.get(key)?.line ?? 1, `${key} ${issue?.message}`);
}

/** The properties of the role's agents from the block. */
export function agentTraits(given: RoleFields | null): Omit<FileRoleInput, 'name' | 'description'> {
  const { backend = null, model = null, tools = null, disallowedTools = null } = given ?? {};
  return {
    // In Claude Code, 'inherit' means the model that would be used anyway.
    model: model === null || model === 'inherit' ? null : { name: model, backend: backend ?? 'claude' },
    backend,
    tools: tools?.includes('*') === true ? null : tools,
    deniedTools: disallowedTools ?? [],
  };
}

/**
 * The role of a file in Claude Code's format: name and description in the block, system prompt below.
 * @param otherwise the name if the block has none; null: it must have one
 * @returns null for a document without a block, which is not a role
 */
export function roleOfText(
  { path, text }: RoleText,
  source: RoleSource,
  otherwise: string | null = null,
): RoleFinding | null {
  let document: RoleDocument;
  try {
    document = parseRoleDocument(text);
  } catch (error) {
    if (!(error instanceof FrontMatterError)) throw error;
    const name = nameIn(text) ?? otherwise ?? undefined;
    return { kind: 'problem', problem: problemOf(path, `line ${error.line}: ${error.message}.`, name) };
  }
  if (document.fields === null) return null;
  const { name: written = otherwise, description } = document.fields;
  if (written === null) return missing('name');
  const name = toRoleName(written);
  if (!isRoleName(name)) {
    const message = `its name ${quote(written)} is not valid for a role: use up to 63 letters, digits and '-', beginning with a letter.`;
    return { kind: 'problem', problem: problemOf(path, message) };
  }
  if (description === undefined) return missing('description', name);
  const input = { name, description, prompt: document.body, ...agentTraits(document.fields) };
  return { kind: 'role', role: fileRole(input, source, path) };

  function missing(key: string, of?: string): RoleFinding {
    const message = `it has no ${key}: add '${key}: …' to its front matter, between the '---' lines.`;
    return { kind: 'problem', problem: problemOf(path, message, of) };
  }
}

/** The name in a block that cannot be parsed, if it can be found. */
function nameIn(text: string): string | null {
  const [, written] = /^name[ \t]*:[ \t]*["']?([^"'#[\r\n]{1,200})/m.exec(text) ?? [];
  return written === undefined ? null : toRoleName(written) || null;
}
