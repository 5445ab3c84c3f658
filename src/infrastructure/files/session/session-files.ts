import { join } from 'node:path';
import type { SessionFiles } from '../../../application/ports/session-files.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { environmentWithout } from '../../process/launch/environment.ts';
import { writeFileAtomic } from '../disk/atomic.ts';
import { ensureFolder, ensureFolderSync } from '../disk/folders.ts';
import { Serial } from '../disk/serial.ts';
import { sessionFolders, sessionLayout } from '../home/layout.ts';
import { makeMaintenanceFiles } from './maintenance-files.ts';
import { makeMessageJournal } from './message-journal.ts';
import { infoOf, metadataOf } from './session-documents.ts';
import { keepEnvironment, SessionEnvironments } from './session-environment.ts';
import { SessionLogs } from './session-log.ts';

/**
 * The files of one project's sessions.
 * @param deps.projectFolder absolute: `~/.maos/projects/{hash}`
 * @param deps.projectRoot absolute: the project's own folder
 * @param deps.environment the part of this process's environment that agents may inherit; default: all
 * @param deps.passedVariables as for `inheritedEnvironment`
 */
export function makeSessionFiles(deps: {
  readonly projectFolder: string;
  readonly projectRoot: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly passedVariables?: readonly string[];
}): SessionFiles {
  const { projectFolder, projectRoot, passedVariables = [] } = deps;
  const present = deps.environment ?? environmentWithout(process.env, []);
  const layout = sessionLayout(projectFolder);
  const logs = new SessionLogs(layout.log);
  const environments = new SessionEnvironments(present, passedVariables);
  const writes = new Serial<string>();
  const unwritten = new Map<string, () => string>();

  /** Writes in call order. Of several waiting calls only the newest text is written, and all of them wait for it. */
  function writeDocument(
    path: string,
    text: () => string,
    options: { readonly flush?: boolean } = {},
  ): Promise<void> {
    unwritten.set(path, text);
    return writes.run(path, async () => {
      const newest = unwritten.get(path);
      if (newest === undefined) return;
      unwritten.delete(path);
      try {
        await writeFileAtomic(path, newest(), options);
      } catch (error) {
        // A waiting call needs the same text and must not assume that it is written.
        if (!unwritten.has(path)) unwritten.set(path, newest);
        throw error;
      }
    });
  }

  const writeMetadata = (workflow: Workflow): Promise<void> =>
    writeDocument(layout.metadata(workflow.session.id), () => metadataOf(workflow, projectRoot));

  return {
    async prepareSession(workflow) {
      for (const folder of sessionFolders(layout, workflow.session.id)) await ensureFolder(folder);
      await keepEnvironment(layout.environment(workflow.session.id), present, passedVariables);
      await writeMetadata(workflow);
    },

    environment: (id) => environments.read(layout.environment(id)),

    async writeInfo(agent) {
      const folder = layout.agent(agent.sessionId, agent.id);
      ensureFolderSync(folder);
      // The store has all of it, and flushes it.
      await writeDocument(join(folder, 'info.json'), () => infoOf(agent), { flush: false });
    },

    writeMetadata: async (workflow) => writeMetadata(workflow),
    appendLog: async (id, events) => logs.append(id, events),
    lastLogged: async (id) => logs.last(id),
    maintenance: makeMaintenanceFiles(projectFolder, layout),
    messages: makeMessageJournal(layout),
    describe: (id, path) => (path === undefined ? layout.session(id) : join(layout.session(id), path)),
  };
}
