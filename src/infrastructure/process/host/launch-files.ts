import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileError } from '../../files/disk/file-error.ts';
import { fileMode } from '../../files/disk/folders.ts';

/**
 * Writes the files of a launch. Safe to repeat: another start of the same attempt writes the same content.
 * @param files contents by environment variable
 * @returns paths by environment variable
 * @throws MaosError when a file cannot be written
 */
export function makeLaunchFiles(
  folder: string,
  attempt: number,
  files: Readonly<Record<string, string>>,
): Record<string, string> {
  const paths: Record<string, string> = {};
  for (const [variable, content] of Object.entries(files)) {
    const path = join(folder, `file.${attempt}.${variable}`);
    try {
      writeFileSync(path, content, { mode: fileMode });
    } catch (error) {
      throw fileError(error, 'write', path);
    }
    paths[variable] = path;
  }
  return paths;
}
