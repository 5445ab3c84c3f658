import type { FileRole } from '../../domain/roles/file-role.ts';
import type { Role } from '../../domain/roles/role.ts';

/** A file that should define a role and cannot be used. */
export interface RoleProblem {
  readonly path: string;
  /** The role it would define; null where that cannot be told. */
  readonly name: string | null;
  /** What is wrong and what to do, with the line or key; one sentence without the path. */
  readonly message: string;
}

export type RoleFinding =
  | { readonly kind: 'role'; readonly role: FileRole }
  | { readonly kind: 'problem'; readonly problem: RoleProblem };

/** Every role that applies in a folder of a project. */
export interface FoundRoles {
  /** Of the project's files, then of MAOS's own folder, then of the user's Claude Code: the first of a name wins. */
  readonly files: readonly RoleFinding[];
  readonly predefined: readonly Role[];
}

export interface RoleSources {
  /** The roles every installation has. */
  predefined(): readonly Role[];
  /**
   * Reads the role files anew. A broken file is a finding and never an error.
   * @param folder canonical: where in the project somebody is
   */
  read(folder: string): Promise<FoundRoles>;
}
