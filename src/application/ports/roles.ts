import type { FileRole } from '../../domain/roles/file-role.ts';
import type { Role } from '../../domain/roles/role.ts';

/** A file that should define a role but cannot be used. */
export interface RoleProblem {
  readonly path: string;
  /** The role that it should define; null if unknown. */
  readonly name: string | null;
  /** What is wrong and what to do, with the line or key; one sentence without the path. */
  readonly message: string;
}

export type RoleFinding =
  | { readonly kind: 'role'; readonly role: FileRole }
  | { readonly kind: 'problem'; readonly problem: RoleProblem };

/** Every role that applies in a folder of a project. */
export interface FoundRoles {
  /**
   * From the project's files, MAOS's own folder and the user's Claude Code folder, in this order: the first of each
   * name applies.
   */
  readonly files: readonly RoleFinding[];
  readonly predefined: readonly Role[];
}

export interface RoleSources {
  /** The roles of every installation. */
  predefined(): readonly Role[];
  /**
   * Reads the role files again. A broken file is a finding, never an error.
   * @param folder canonical path of a folder in the project
   */
  read(folder: string): Promise<FoundRoles>;
}
