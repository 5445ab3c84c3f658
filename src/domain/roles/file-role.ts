import { type CustomRoleInput, customRole, type Role } from './role.ts';

/** Where role files are found: in the project, MAOS's own folder, or the user's Claude Code folder. */
export type RoleSource = 'project' | 'maos' | 'user';

/** The default model of a role's agents. */
export interface RoleModel {
  readonly name: string;
  /** The only backend that knows the model by this name; null: every backend. */
  readonly backend: string | null;
}

export interface FileRole extends Role {
  readonly source: RoleSource;
  /** Absolute path of the file. */
  readonly path: string;
  readonly model: RoleModel | null;
  /** The default backend of its agents; null: the configured one. */
  readonly backend: string | null;
  /** The only tools its agents may use, by Claude Code's names; null: all. */
  readonly tools: readonly string[] | null;
  readonly deniedTools: readonly string[];
}

/** The keys of a role's file. */
export interface FileRoleInput extends CustomRoleInput {
  readonly model: RoleModel | null;
  readonly backend: string | null;
  readonly tools: readonly string[] | null;
  readonly deniedTools: readonly string[];
}

/** Does not validate the name, like {@link customRole}. */
export function fileRole(input: FileRoleInput, source: RoleSource, path: string): FileRole {
  const { model, backend, tools, deniedTools } = input;
  return { ...customRole(input), source, path, model, backend, tools, deniedTools };
}

export function isFileRole(role: Role): role is FileRole {
  return 'path' in role;
}
