import type { FileRole } from '../../domain/roles/file-role.ts';

/** A file that means to define a role and does not. */
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

/** The files that define roles for a project. */
export interface RoleFiles {
  /**
   * Everything they hold now, the nearest first: the project's, those of MAOS's own folder, those of the user's Claude
   * Code. Nothing that is wrong with a file fails the reading.
   * @param folder canonical: where in the project somebody is
   */
  read(folder: string): Promise<readonly RoleFinding[]>;
}
