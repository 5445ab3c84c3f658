import { statSync } from 'node:fs';
import { join } from 'node:path';
import { ensureHome, hashOf, projectFolder } from '../files/home/home.ts';
import { placeOf } from '../files/home/project-place.ts';
import { readRow } from '../sqlite/open-database.ts';
import type { InstanceRegistration } from './instance-registration.ts';

const lookMs = 2_000;
/** Sessions that need an owner now or later. An ended one counts while it has an owner, which may have died. */
const selectWork = `SELECT 1 FROM sessions WHERE state IN ('created', 'running')
  UNION ALL SELECT 1 FROM sessions WHERE resume_at IS NOT NULL
  UNION ALL SELECT 1 FROM sessions INDEXED BY sessions_by_owner WHERE owner_id IS NOT NULL LIMIT 1`;

/**
 * For a server that has received no request yet: registers it on this machine, and checks whether its project has
 * sessions to supervise. Loads little code, and reads the store only when it has changed.
 */
export class IdleProjectWatcher {
  readonly #registration: InstanceRegistration;
  readonly #stores: readonly string[];
  readonly #project: string;
  #seen = '';
  #timer: NodeJS.Timeout | null = null;

  /** @throws MaosError INVALID_INPUT when the path is not a folder, CONFIG_INVALID when the home cannot be used */
  constructor(registration: InstanceRegistration, home: string, path: string) {
    this.#registration = registration;
    const { folder, project } = placeOf(path);
    this.#project = project;
    ensureHome(home);
    // An earlier version may have left running sessions in a store of the folder itself.
    const paths = folder === project ? [project] : [project, folder];
    this.#stores = paths.map((root) => join(projectFolder(home, hashOf(root)), 'project.db'));
  }

  /** @param onWork called once, when the project has sessions to supervise */
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
      // Opening the store for work reports what is wrong with it.
      return true;
    }
  }
}

/** 0 when the file does not exist. */
function changedAt(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
