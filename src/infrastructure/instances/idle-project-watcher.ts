import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureHome, hashOf, projectFolder } from '../files/home/home.ts';
import { placeOf } from '../files/home/project-place.ts';
import { readRow } from '../sqlite/open-database.ts';
import type { InstanceRegistration } from './instance-registration.ts';

const lookMs = 2_000;
/** What may need an owner now or later; one that has ended does while somebody still owns it, who may have died. */
const selectWork = `SELECT 1 FROM sessions WHERE state IN ('created', 'running')
  UNION ALL SELECT 1 FROM sessions WHERE resume_at IS NOT NULL
  UNION ALL SELECT 1 FROM sessions INDEXED BY sessions_by_owner WHERE owner_id IS NOT NULL LIMIT 1`;

/**
 * A server that nobody has asked for anything yet: it is written down among the maos processes of this machine, and
 * looks whether its project has sessions to supervise. Loads little, and reads the store only when it has changed.
 */
export class IdleProjectWatcher {
  readonly #registration: InstanceRegistration;
  readonly #stores: readonly string[];
  readonly #project: string;
  #seen = '';
  #timer: NodeJS.Timeout | null = null;

  /** @throws MaosError INVALID_INPUT when the path is no folder, CONFIG_INVALID when there can be no home */
  constructor(registration: InstanceRegistration, home: string, path: string) {
    this.#registration = registration;
    const { folder, project } = placeOf(path);
    this.#project = project;
    ensureHome(home);
    // What an earlier version kept for the folder alone may still have sessions that run.
    const paths = folder === project ? [project] : [project, folder];
    this.#stores = paths.map((root) => join(projectFolder(home, hashOf(root)), 'project.db'));
  }

  /** @param onWork is called, once, when the project has sessions to supervise */
  async begin(onWork: () => void): Promise<void> {
    await this.#registration.announce(this.#project);
    const look = (): void => {
      if (this.#hasWork()) {
        this.end();
        onWork();
      }
    };
    this.#timer = setInterval(look, lookMs).unref();
    look();
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
  }

  #hasWork(): boolean {
    const now = this.#stores.flatMap((store) => [store, `${store}-wal`].map(changedAt)).join(' ');
    if (now === this.#seen) return false;
    this.#seen = now;
    try {
      const made = this.#stores.filter((store) => changedAt(store) !== 0);
      return made.some((store) => readRow(store, 'sessions', selectWork) !== undefined);
    } catch {
      // Whoever opens it for work says what is wrong with it.
      return true;
    }
  }
}

/** 0 when there is no such file. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
