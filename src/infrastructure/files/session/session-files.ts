import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../../application/ports/log.ts';
import type { SessionFiles } from '../../../application/ports/session-files.ts';
import type { AgentId, SessionId } from '../../../domain/ids.ts';
import type { Workflow } from '../../../domain/workflow.ts';
import { readClaim } from '../../process/host/launch-record.ts';
import { environmentWithout } from '../../process/launch/environment.ts';
import { readArtifactFile } from '../artifacts/artifact-read.ts';
import { scanFiles } from '../artifacts/artifact-scan.ts';
import { writeFileAtomic } from '../disk/atomic.ts';
import { fileError } from '../disk/file-error.ts';
import { ensureFolder, ensureFolderSync, fileMode } from '../disk/folders.ts';
import { Serial } from '../disk/serial.ts';
import { agentFolders, ownerOfPath, sessionFolders, sessionLayout } from '../home/layout.ts';
import { makeKeepingFiles } from './maintenance-files.ts';
import { makeMessageJournal } from './message-journal.ts';
import { lastOutputAt, readPage } from './output.ts';
import { infoOf, metadataOf } from './session-documents.ts';
import { keepEnvironment, readEnvironment } from './session-environment.ts';
import { SessionLogs } from './session-log.ts';

/** Session files on this machine: what the host of local processes has to know besides the port. */
export interface LocalSessionFiles extends SessionFiles {
  /** Absolute path of the folder with the agent's logs, prompt.md and exit.json. @throws MaosError INVALID_INPUT */
  agentFolder(sessionId: SessionId, agentId: AgentId): string;
}

/**
 * The files of one project's sessions.
 * @param deps.projectFolder absolute: `~/.maos/projects/{hash}`
 * @param deps.projectRoot absolute: the project's own folder
 * @param deps.environment what agents may inherit of this process; default: all
 * @param deps.passedVariables as for `inheritedEnvironment`
 * @param deps.log told of artifacts that could not be listed
 */
export function makeSessionFiles(deps: {
  readonly projectFolder: string;
  readonly projectRoot: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly passedVariables?: readonly string[];
  readonly log?: Log;
}): LocalSessionFiles {
  const { projectFolder, projectRoot, log, passedVariables = [] } = deps;
  const present = deps.environment ?? environmentWithout(process.env, []);
  const layout = sessionLayout(projectFolder);
  const logs = new SessionLogs(layout.log);
  const writes = new Serial<string>();
  const unwritten = new Map<string, () => string>();

  /** In the order of the calls; of several waiting, only the newest is written, and all of them wait for it. */
  function writeDocument(path: string, text: () => string): Promise<void> {
    unwritten.set(path, text);
    return writes.run(path, async () => {
      const newest = unwritten.get(path);
      if (newest === undefined) return;
      unwritten.delete(path);
      try {
        await writeFileAtomic(path, newest());
      } catch (error) {
        // The next in line stands for the same state, and must not take it for written.
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

    environment: (id) => readEnvironment(layout.environment(id), present, passedVariables),

    async prepareAgent(agent, prompt) {
      // Synchronous: a few calls of some ten microseconds each, on the way of every start.
      for (const folder of agentFolders(layout, agent)) ensureFolderSync(folder);
      const path = join(layout.agent(agent.sessionId, agent.id), 'prompt.md');
      try {
        writeFileSync(path, prompt, { mode: fileMode });
        chmodSync(path, fileMode);
      } catch (error) {
        throw fileError(error, 'write', path);
      }
    },

    async writeInfo(agent) {
      const folder = layout.agent(agent.sessionId, agent.id);
      ensureFolderSync(folder);
      await writeDocument(join(folder, 'info.json'), () => infoOf(agent));
    },

    writeMetadata: async (workflow) => writeMetadata(workflow),
    appendLog: async (id, events) => logs.append(id, events),
    lastLogged: async (id) => logs.last(id),

    locations({ folder }, agent) {
      const { sessionId, id } = agent;
      const root = folder ?? projectRoot;
      const workspace = layout.workspace(sessionId, id);
      return {
        session: layout.session(sessionId),
        projectRoot: root,
        workingDirectory: agent.workspace === 'own' ? workspace : root,
        workspace,
        sharedContext: layout.sharedContext(sessionId),
        results: layout.resultsOf(sessionId, agent.name),
        messages: layout.sharedMessages(sessionId),
      };
    },

    async scanArtifacts(id, resultsOf, onSkipped) {
      const skip = (folder: string): boolean => {
        const owner = ownerOfPath(`${folder}/`);
        return resultsOf !== undefined && owner !== null && !resultsOf.has(owner);
      };
      const { files, notes } = await scanFiles(layout.session(id), ['shared/context', 'results'], { skip });
      for (const note of notes) {
        log?.log('warn', note, { session: id });
        onSkipped?.(note.replace(/^artifacts: /, ''));
      }
      return files;
    },

    ownerByPath: ownerOfPath,
    readArtifact: async (id, path, maxBytes) => readArtifactFile(layout.session(id), path, maxBytes),
    readOutput: async (agent, stream, from, maxBytes) =>
      readPage(join(layout.agent(agent.sessionId, agent.id), `${stream}.log`), from, maxBytes),
    async outputStart(agent, attempt, stream = 'stdout') {
      const claim = await readClaim(layout.agent(agent.sessionId, agent.id), attempt);
      if (claim === null || claim.fenced) return null;
      return stream === 'stdout' ? claim.stdoutFrom : claim.stderrFrom;
    },
    maintenance: makeKeepingFiles(projectFolder, layout),
    messages: makeMessageJournal(layout),
    lastOutputAt: async (agent) => lastOutputAt(layout.agent(agent.sessionId, agent.id)),
    describe: (id) => layout.session(id),
    agentFolder: layout.agent,
  };
}
