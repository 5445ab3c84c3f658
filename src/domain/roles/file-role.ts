import { type CustomRoleInput, customRole, type Role } from './role.ts';

/** Where files that define roles lie: the project, MAOS's own folder, the user's Claude Code. */
export type RoleSource = 'project' | 'maos' | 'user';

/** The model an agent of a role gets when nobody names one. */
export interface RoleModel {
  readonly name: string;
  /** The only backend that knows the model by this name; null: every backend. */
  readonly backend: string | null;
}

/** A role that a file defines. */
export interface FileRole extends Role {
  readonly source: RoleSource;
  /** The file, absolute. */
  readonly path: string;
  readonly model: RoleModel | null;
  /** The backend of its agents when the plan names none; null: the configured one. */
  readonly backend: string | null;
  /** The only tools its agents may use, in the words of Claude Code; null: all they have. */
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

/** The name is taken as it is, as by {@link customRole}. */
export function fileRole(input: FileRoleInput, source: RoleSource, path: string): FileRole {
  const { model, backend, tools, deniedTools } = input;
  return { ...customRole(input), source, path, model, backend, tools, deniedTools };
}

export function isFileRole(role: Role): role is FileRole {
  return 'path' in role;
}
