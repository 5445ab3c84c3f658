import { lstatSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../../files/disk/file-error.ts';

/**
 * What agents' CLIs read as instructions, settings or the top of a repository in each folder above their working
 * directory.
 */
const instructions = [
  ...['CLAUDE.md', 'CLAUDE.local.md', '.claude', 'AGENTS.md', 'AGENTS.override.md', '.agents', '.codex'],
  ...['GEMINI.md', '.gemini', 'QWEN.md', '.qwen', 'opencode.json', 'opencode.jsonc', '.opencode'],
  ...['.mcp.json', '.cursor', '.cursorrules', '.github', '.git'],
];

/**
 * Renames such files in folders where only MAOS puts files: an agent may write there, and the next one would take them for
 * instructions of the user.
 * @param folders absolute
 * @returns the paths that were renamed
 * @throws MaosError when one cannot be renamed
 */
export function setAsideInstructions(folders: readonly string[]): readonly string[] {
  const found = folders.flatMap((folder) => instructions.map((name) => join(folder, name)));
  return found.filter((path) => {
    if (lstatSync(path, { throwIfNoEntry: false }) === undefined) return false;
    try {
      renameSync(path, freePath(`${path}.set-aside`));
    } catch (error) {
      throw fileError(error, 'rename', path);
    }
    return true;
  });
}

function freePath(path: string): string {
  for (let count = 1; ; count++) {
    const free = count === 1 ? path : `${path}.${count}`;
    if (lstatSync(free, { throwIfNoEntry: false }) === undefined) return free;
  }
}
