import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { HostedSessions } from '../../application/ports/hosting.ts';
import { fileError, isMissing } from '../files/disk/file-error.ts';
import { sessionLayout } from '../files/home/layout.ts';
import { makeRemovalFiles } from '../files/session/session-removal.ts';

/** @param folder where a host keeps a folder for each project, named by its hash */
export async function hostedSessions(folder: string): Promise<readonly HostedSessions[]> {
  const names = await namesIn(folder);
  return names
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .map((project) => {
      const layout = sessionLayout(join(folder, project));
      return {
        project,
        maintenance: makeRemovalFiles(layout.project, layout),
        async lastUse(id) {
          const agents = join(layout.session(id), 'agents');
          const ofAgents = (await namesIn(agents)).map((name) => join(agents, name));
          const inThem = await Promise.all(
            ofAgents.map(async (agent) => (await namesIn(agent)).map((name) => join(agent, name))),
          );
          const times = await Promise.all([layout.session(id), ...ofAgents, ...inThem.flat()].map(changeOf));
          return new Date(Math.max(...times)).toISOString();
        },
      };
    });
}

async function namesIn(folder: string): Promise<readonly string[]> {
  try {
    return await readdir(folder);
  } catch (error) {
    if (isMissing(error)) return [];
    throw fileError(error, 'list', folder);
  }
}

/** The time of its last change; 0: it is gone. */
async function changeOf(path: string): Promise<number> {
  try {
    return (await stat(path)).mtimeMs;
  } catch (error) {
    if (isMissing(error)) return 0;
    throw fileError(error, 'inspect', path);
  }
}
