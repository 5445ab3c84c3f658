import {
  chmodSync,
  closeSync,
  existsSync,
  lstatSync,
  openSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { AgentDisk } from '../../../application/ports/agent-disk.ts';
import type { LaunchKey } from '../../../application/ports/agent-host.ts';
import type { Log } from '../../../application/ports/log.ts';
import type { Agent } from '../../../domain/agent.ts';
import { readArtifactFile } from '../../files/artifacts/artifact-read.ts';
import { scanFiles } from '../../files/artifacts/artifact-scan.ts';
import { fileError } from '../../files/disk/file-error.ts';
import { ensureFolderSync, fileMode } from '../../files/disk/folders.ts';
import { agentFolders, ownerOfPath, sessionLayout } from '../../files/home/layout.ts';
import { digestOutput } from '../../files/session/check-output.ts';
import { lastOutputAt, readPage } from '../../files/session/output.ts';
import { isRecord, promptName, readClaim, readExit } from './launch-record.ts';
import { readOutputIndex } from './output-index.ts';
import { findPlanted, instructions, setAside, toolFiles } from './planted-files.ts';

/** The disk of agents on this machine, with what the wrapper needs in addition to the port. */
export interface LocalAgentDisk extends AgentDisk {
  /** Absolute path of the folder with the prompt, logs and launch records. @throws MaosError INVALID_INPUT */
  folderOf(key: Pick<LaunchKey, 'sessionId' | 'agentId' | 'check'>): string;
}

/**
 * The files on this machine that agents of one project's sessions read and write.
 * @param deps.projectFolder absolute: `~/.maos/projects/{hash}`
 * @param deps.projectRoot absolute: the project's own folder
 * @param deps.log receives artifacts that could not be listed, and files that were set aside
 */
export function makeAgentDisk(deps: {
  readonly projectFolder: string;
  readonly projectRoot: string;
  readonly log?: Log;
}): LocalAgentDisk {
  const { projectFolder, projectRoot, log } = deps;
  const layout = sessionLayout(projectFolder);
  type Owner = Pick<Agent, 'sessionId' | 'id'>;
  const folder = ({ sessionId, id }: Owner): string => layout.agent(sessionId, id);
  const checkFolder = ({ sessionId, id }: Owner, check: number): string => layout.check(sessionId, id, check);

  const printerOf = (agent: Owner, check: number | undefined): string =>
    check === undefined ? folder(agent) : checkFolder(agent, check);

  // Synchronous: a few calls of some ten microseconds each, on the critical path of every start.
  function makeFolders(agent: Agent): void {
    const { sessionId } = agent;
    const shared = [layout.sharedContext(sessionId), layout.sharedMessages(sessionId)];
    for (const path of [...agentFolders(layout, agent), ...shared]) ensureFolderSync(path);
  }

  /** Folders of MAOS's, from the session's down to the agent's. */
  function foldersAbove(sessionId: Agent['sessionId'], id: Agent['id']): readonly string[] {
    const own = layout.agent(sessionId, id);
    return [layout.session(sessionId), dirname(own), own];
  }

  function foldersAboveCheck({ sessionId, id }: Agent, number: number): readonly string[] {
    const top = layout.check(sessionId, id, number);
    return [...foldersAbove(sessionId, id), dirname(top), top];
  }

  function setAsideFor({ id }: Agent, folders: readonly string[], names: readonly string[]): void {
    const paths = setAside(folders, names);
    if (paths.length === 0) return;
    log?.log('warn', 'set aside files that an agent has put among those of MAOS', { agent: id, paths });
  }

  return {
    folderOf: ({ sessionId, agentId, check }) =>
      check === undefined ? layout.agent(sessionId, agentId) : layout.check(sessionId, agentId, check),

    locations(session, agent) {
      const { sessionId, id, lands } = agent;
      const owner = lands ?? { sessionId, agentId: id };
      const root =
        agent.workspace === 'worktree'
          ? layout.worktree(owner.sessionId, owner.agentId)
          : (session.folder ?? projectRoot);
      const workspace = layout.workspace(sessionId, id);
      const all = layout.session(session.id);
      return {
        session: all,
        projectRoot: root,
        workingDirectory: agent.workspace === 'own' ? workspace : root,
        workspace,
        sharedContext: layout.sharedContext(sessionId),
        results: layout.resultsOf(sessionId, agent.name),
        messages: layout.sharedMessages(sessionId),
        artifact: (path) => `${all}/${path}`,
      };
    },

    async makeRoom(agent) {
      makeFolders(agent);
      // After many deletions, ext4 takes a millisecond to create a file.
      for (const name of [promptName, 'stdout.log', 'stderr.log']) {
        closeSync(openSync(join(folder(agent), name), 'a', fileMode));
      }
    },

    async prepare(agent, prompt) {
      makeFolders(agent);
      const { sessionId, id, lands } = agent;
      // The worktree of landed work is its owner's.
      const owners = lands === null ? [] : foldersAbove(lands.sessionId, lands.agentId);
      setAsideFor(agent, [...foldersAbove(sessionId, id), ...owners], instructions);
      const path = join(folder(agent), promptName);
      try {
        writeFileSync(path, prompt, { mode: fileMode });
        chmodSync(path, fileMode);
      } catch (error) {
        throw fileError(error, 'write', path);
      }
    },

    readPrompt: async (agent, maxBytes) => readPage(join(folder(agent), promptName), 0, maxBytes),

    async clearCheck(agent, number) {
      const top = checkFolder(agent, number);
      // Never through a link, which could lead anywhere.
      for (const path of [layout.checks(agent.sessionId, agent.id), top]) {
        if (lstatSync(path, { throwIfNoEntry: false })?.isDirectory() === false) rmSync(path);
      }
      ensureFolderSync(top);
      for (const name of readdirSync(top)) {
        if (isRecord(name)) rmSync(join(top, name), { recursive: true });
      }
      setAsideFor(agent, foldersAboveCheck(agent, number), toolFiles);
    },

    plantedAbove: async (agent, number) => findPlanted(foldersAboveCheck(agent, number), toolFiles),

    readOutput: async (agent, stream, from, maxBytes, number) => {
      return readPage(join(printerOf(agent, number), `${stream}.log`), from, maxBytes);
    },

    digestCheck: async (agent, number) => digestOutput(checkFolder(agent, number)),

    checkLocation: (agent, number) => checkFolder(agent, number),

    async outputStart(agent, attempt, stream = 'stdout') {
      const claim = await readClaim(folder(agent), attempt);
      if (claim === null || claim.fenced) return null;
      return stream === 'stdout' ? claim.stdoutFrom : claim.stderrFrom;
    },

    programExit: async (agent, attempt) => readExit(folder(agent), attempt),

    lastOutputAt: async (agent, { stream, check } = {}) => lastOutputAt(printerOf(agent, check), stream),

    outputMarks: async (agent, from, check) => readOutputIndex(printerOf(agent, check), from),

    hasOutput: async (agent) => existsSync(join(folder(agent), 'stdout.log')),

    async scanArtifacts(id, resultsOf, onSkipped) {
      const skip = (path: string): boolean => {
        const owner = ownerOfPath(`${path}/`);
        return resultsOf !== undefined && owner !== null && !resultsOf.has(owner);
      };
      const { files, notes } = await scanFiles(layout.session(id), ['shared/context', 'results'], { skip });
      for (const note of notes) {
        log?.log('warn', note, { session: id });
        onSkipped?.(note.replace(/^artifacts: /, ''));
      }
      return files.map((file) => ({ ...file, owner: ownerOfPath(file.path) }));
    },

    readArtifact: async (id, path, maxBytes) => readArtifactFile(layout.session(id), path, maxBytes),
  };
}
