import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { findPredefinedRole, nearestRoleNames } from '../../domain/roles/catalog.ts';
import { commandRole } from '../../domain/roles/command-role.ts';
import type { FileRole } from '../../domain/roles/file-role.ts';
import { type Role, toRoleName } from '../../domain/roles/role.ts';
import type { FoundRoles, RoleFinding, RoleProblem } from '../ports/roles.ts';

/** A role that is never used, because a nearer role has its name. */
export interface ShadowedRole {
  readonly role: Role | FileRole;
  readonly by: FileRole;
}

/** Every role that can be given to an agent by name. */
export interface RoleCatalogue {
  /** Defined by files, the nearest first. */
  readonly custom: readonly FileRole[];
  /** Those whose name no file has taken. */
  readonly predefined: readonly Role[];
  readonly shadowed: readonly ShadowedRole[];
  /** Files that were ignored. */
  readonly problems: readonly RoleProblem[];
  /**
   * The role with a name or alias. File roles can be written like in their files: 'Code-Reviewer' for `code_reviewer`.
   * @throws MaosError INVALID_ROLE for an unknown one, or if its nearest file is broken: then not even a farther role
   *   of that name is returned, because it is not the intended one
   */
  find(name: string): Role | FileRole;
}

export function catalogueOf({ files, predefined: everywhere }: FoundRoles): RoleCatalogue {
  const nearest = new Map<string, RoleFinding>();
  const custom = new Map<string, FileRole>();
  const shadowed: ShadowedRole[] = [];
  const problems: RoleProblem[] = [];
  for (const finding of files) {
    const { name } = finding.kind === 'role' ? finding.role : finding.problem;
    if (name !== null && !nearest.has(name)) nearest.set(name, finding);
    if (finding.kind === 'problem') {
      problems.push(finding.problem);
      continue;
    }
    const by = custom.get(finding.role.name);
    if (by === undefined) custom.set(finding.role.name, finding.role);
    else shadowed.push({ role: finding.role, by });
  }
  const predefined = everywhere.filter((role) => {
    const by = custom.get(role.name);
    if (by !== undefined) shadowed.push({ role, by });
    return by === undefined;
  });

  return {
    custom: [...custom.values()],
    predefined,
    shadowed,
    problems,
    find(name) {
      const finding = nearest.get(toRoleName(name));
      if (finding?.kind === 'problem') throw brokenRole(name, finding.problem);
      const known = name === commandRole.name ? commandRole : findPredefinedRole(name, everywhere);
      const role = finding?.role ?? known;
      if (role === undefined) throw unknownRole(name, [...custom.keys()], problems.length);
      return role;
    },
  };
}

function brokenRole(name: string, { path, message }: RoleProblem): MaosError {
  return new MaosError(
    'INVALID_ROLE',
    `Role ${quote(name)} cannot be used because its file ${JSON.stringify(path)} is broken: ${message}`,
    { details: { role: startOf(name, 200), path } },
  );
}

function unknownRole(name: string, custom: readonly string[], broken: number): MaosError {
  const near = nearestRoleNames(name, 3, custom);
  const hint = near.length > 0 ? ` Did you mean ${near.map((role) => quote(role)).join(' or ')}?` : '';
  const files = broken === 1 ? 'A role file is' : `${broken} role files are`;
  const leftOut = broken === 0 ? '' : ` ${files} broken and ignored: see 'maos roles'.`;
  return new MaosError(
    'INVALID_ROLE',
    `There is no role ${quote(name)}.${hint} 'maos roles' (list-roles) lists the roles; define your own as {name, description}.${leftOut}`,
    { details: { role: startOf(name, 200), near } },
  );
}
