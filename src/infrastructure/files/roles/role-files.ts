import { existsSync, realpathSync, statSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import type { RoleFinding, RoleSources } from '../../../application/ports/roles.ts';
import type { RoleSource } from '../../../domain/roles/file-role.ts';
import { type Environment, userHome } from '../home/maos-home.ts';
import { predefinedRoles } from './predefined-roles.ts';
import { readRegistry } from './role-registry.ts';
import { roleOfText } from './role-text.ts';
import { Allowance, isWithin, problemOf, readRoleTexts } from './role-texts.ts';

/**
 * The files that define roles, read again at each call.
 * @param deps `home`: MAOS's folder; `env`: locates Claude Code's settings
 */
export function makeRoleFiles(deps: { readonly home: string; readonly env: Environment }): RoleSources {
  return {
    predefined: predefinedRoles,
    async read(from) {
      const allowance = new Allowance();
      const home = userHome(deps.env);
      const ownHome = home === null ? null : resolved(home);
      const claudeFolder = deps.env.CLAUDE_CONFIG_DIR || (ownHome === null ? null : join(ownHome, '.claude'));
      const ofUser = claudeFolder === null ? null : resolve(claudeFolder, 'agents');
      const ofProject = projectFolders(from, ownHome);
      const findings: RoleFinding[] = [];
      for (const folder of ofProject) {
        const agents = join(folder, '.claude', 'agents');
        if (ofUser !== null && resolved(agents) === resolved(ofUser)) continue;
        if (existsSync(agents) && !isWithin(resolved(agents), ofProject.at(-1) as string)) {
          const message = 'it is a link out of the project, and MAOS does not follow such links.';
          findings.push({ kind: 'problem', problem: problemOf(agents, message, null) });
        } else findings.push(...readClaudeFolder(agents, 'project', allowance));
      }
      findings.push(...readRegistry(join(deps.home, 'agents'), allowance));
      if (ofUser !== null) findings.push(...readClaudeFolder(ofUser, 'user', allowance));
      return { files: findings, predefined: predefinedRoles() };
    },
  };
}

function readClaudeFolder(folder: string, source: RoleSource, allowance: Allowance): readonly RoleFinding[] {
  const { texts, problems } = readRoleTexts(folder, allowance);
  return [
    ...texts.flatMap((text) => roleOfText(text, source) ?? []),
    ...problems.map((problem) => ({ kind: 'problem' as const, problem })),
  ];
}

/**
 * The folder and its parents up to the top of the repository or worktree, nearest first, as Claude Code (2.1.330)
 * searches them. Outside a repository the search stops below the user's home folder, and before a folder that another
 * user owns or may write to: that user could give orders to agents.
 */
function projectFolders(from: string, ownHome: string | null): readonly string[] {
  const folders: string[] = [];
  for (let at = from; ; at = dirname(at)) {
    folders.push(at);
    const above = dirname(at);
    if (at === ownHome || above === ownHome || above === at || existsSync(join(at, '.git'))) return folders;
    if (!isOwn(above)) return folders;
  }
}

function isOwn(folder: string): boolean {
  const { uid, mode } = statSync(folder);
  return uid === process.getuid?.() && (mode & 0o002) === 0;
}

/** With links resolved, if it exists. */
function resolved(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // There is nothing to read, or reading it reports the reason.
    return resolve(path);
  }
}
