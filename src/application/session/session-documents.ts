import type { SessionPart } from '../../domain/events/session-events.ts';
import type { RecordedEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import type { Workflow } from '../../domain/workflow.ts';
import type { Lease } from '../ports/ownership.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { SessionStore } from '../ports/session-store.ts';
import { type CheckpointProject, CheckpointWriter } from './checkpoint-writer.ts';
import { SessionTroubles } from './session-troubles.ts';

/** The parts of the project that the session's files need. */
export type DocumentsProject = CheckpointProject & {
  readonly store: Pick<SessionStore, 'events'>;
  readonly files: Pick<
    SessionFiles,
    'prepareSession' | 'writeMetadata' | 'writeInfo' | 'appendLog' | 'lastLogged'
  >;
};

export interface DocumentsHooks {
  /** The session as stored. */
  readonly stored: () => Workflow;
  /** Whether the session has another owner: then nothing may be written. */
  readonly isLeft: () => boolean;
  /** Settles after the pause before retrying a busy store. */
  readonly pause: () => Promise<void>;
  readonly troubles: SessionTroubles;
}

const lastTries = 3;
/** Changes stored within this time are written to the files together. */
const gatherMs = 50;
const pageSize = 1_000;

/**
 * The files of a session beside its table: folders, `session.log`, `info.json`, `metadata.json`, checkpoints. Written
 * outside the path of decisions; errors never stop a session.
 */
export class SessionDocuments {
  readonly #project: DocumentsProject;
  readonly #lease: Lease;
  readonly #hooks: DocumentsHooks;
  readonly #checkpoints: CheckpointWriter;
  /** The attempt that each agent's info.json describes. */
  readonly #informed = new Map<AgentId, number>();
  #cancelWrite: (() => void) | null = null;
  #written: Promise<boolean> = Promise.resolve(true);
  #prepared: Promise<void> = Promise.resolve();

  constructor(project: DocumentsProject, lease: Lease, hooks: DocumentsHooks) {
    this.#project = project;
    this.#lease = lease;
    this.#hooks = hooks;
    const { isLeft, troubles } = hooks;
    this.#checkpoints = new CheckpointWriter(project, lease, {
      isLeft,
      troubles,
      logged: () => this.#write(),
    });
  }

  prepare(): void {
    this.#prepared = this.#project.files
      .prepareSession(this.#hooks.stored())
      // Without the folders, the agents' own preparation fails with the reason; running agents need none of them.
      .catch((error: unknown) => this.#logError("the session's folders could not be prepared", error));
    this.#written = this.#prepared.then(() => true);
  }

  /** Settles when the session's folders exist or cannot be created. */
  get prepared(): Promise<void> {
    return this.#prepared;
  }

  /** Call after every commit. */
  follow(workflow: Workflow, recorded: readonly RecordedEvent[]): void {
    if (recorded.length > 0) {
      this.#cancelWrite ??= this.#project.clock.after(gatherMs, () => void this.#write());
    }
    this.#checkpoints.note(workflow, recorded);
  }

  async close(): Promise<void> {
    const { isLeft, stored, pause } = this.#hooks;
    await this.#checkpoints.close();
    // After the checkpoints, because they add events.
    for (let tries = 1; !(await this.#write()) && tries < lastTries && !isLeft(); tries++) await pause();
    if (isLeft()) return;
    await this.#project.files
      .writeMetadata(stored())
      .catch((error: unknown) => this.#logError('cannot write metadata.json', error));
  }

  /** @returns whether the files are up to date */
  #write(): Promise<boolean> {
    this.#cancelWrite?.();
    this.#cancelWrite = null;
    this.#written = this.#written.then(async () => {
      const log = await this.#try('session.log is behind', () => this.#writeLog(), 'session.log');
      const info = await this.#try('cannot write info.json', () => this.#writeInfo());
      return log && info;
    });
    return this.#written;
  }

  async #writeLog(): Promise<void> {
    const { files, store } = this.#project;
    const id = this.#lease.sessionId;
    while (!this.#hooks.isLeft()) {
      const missing = store.events(id, await files.lastLogged(id), pageSize);
      if (missing.length === 0) break;
      await files.appendLog(id, missing);
    }
  }

  async #writeInfo(): Promise<void> {
    const started = this.#hooks
      .stored()
      .agents.filter(({ id, attempt }) => attempt > 0 && this.#informed.get(id) !== attempt);
    if (this.#hooks.isLeft()) return;
    await Promise.all(
      started.map(async (agent) => {
        await this.#project.files.writeInfo(agent);
        this.#informed.set(agent.id, agent.attempt);
      }),
    );
  }

  async #try(trouble: string, work: () => Promise<void>, part?: SessionPart): Promise<boolean> {
    try {
      await work();
      if (part !== undefined) this.#hooks.troubles.works(part);
      return true;
    } catch (error) {
      if (part !== undefined) this.#hooks.troubles.failed(part, error);
      this.#logError(trouble, error);
      return false;
    }
  }

  #logError(message: string, error: unknown): void {
    this.#project.log.log('error', message, { session: this.#lease.sessionId, error });
  }
}

const pauseMs = 500;

/** Writes what was stored about a session that no runner runs. */
export async function completeDocuments(
  project: DocumentsProject & { readonly store: Pick<SessionStore, 'load'> },
  lease: Lease,
): Promise<void> {
  const { store, clock } = project;
  const { sessionId } = lease;
  const documents = new SessionDocuments(project, lease, {
    stored: () => store.load(sessionId),
    isLeft: () => false,
    pause: () => new Promise((resolve) => clock.after(pauseMs, resolve)),
    troubles: new SessionTroubles(sessionId, clock, () => {}),
  });
  await documents.close();
}
