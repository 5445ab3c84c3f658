import type { Project } from '../../../application/project.ts';
import type { Runtime } from '../../../application/runtime.ts';
import type { RecordedEvent } from '../../../domain/events.ts';
import { describeEvent } from '../../contracts/event-lines.ts';
import { eventView } from '../../contracts/views.ts';
import { EventTail } from './event-tail.ts';

/** A project whose events are followed. */
export interface ProjectFeed {
  readonly project: Project;
  readonly tail: EventTail;
}

/** Maximum characters of frames kept for each project. */
const maxKept = 512 * 1024;

/** Every project of this machine, for the streams of all events. Looks for new ones while there are such streams. */
export class ProjectFeeds {
  readonly #runtime: Runtime;
  readonly #lookMs: number;
  readonly #byPath = new Map<string, ProjectFeed>();
  /** Those whose events could not be read. */
  readonly #broken = new WeakSet<Project>();
  readonly #listeners = new Set<() => void>();
  #looking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;

  constructor(runtime: Runtime, lookMs: number) {
    this.#runtime = runtime;
    this.#lookMs = lookMs;
  }

  /** As of the last {@link look}. */
  get all(): readonly ProjectFeed[] {
    return [...this.#byPath.values()];
  }

  /** Finds projects that were added or removed, or whose database was replaced. */
  look(): Promise<void> {
    this.#looking ??= this.#find().finally(() => {
      this.#looking = null;
    });
    return this.#looking;
  }

  /** @param listener called when {@link all} has changed @returns a function that ends it */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    this.#timer ??= setInterval(() => void this.look(), this.#lookMs).unref();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size > 0 || this.#timer === null) return;
      clearInterval(this.#timer);
      this.#timer = null;
    };
  }

  /** Leaves a project out from now on, because its events cannot be read. */
  leaveOut({ project }: ProjectFeed, error: unknown): void {
    this.#runtime.log('error', 'the events of a project cannot be read', { project: project.path, error });
    this.#broken.add(project);
    if (this.#byPath.get(project.path)?.project === project) this.#byPath.delete(project.path);
  }

  async #find(): Promise<void> {
    let isChanged = false;
    const found = new Set<string>();
    try {
      for await (const { project } of this.#runtime.allProjects()) {
        found.add(project.path);
        if (this.#byPath.get(project.path)?.project === project || this.#broken.has(project)) continue;
        const tail = new EventTail(project.store.feed, project.watcher, viewIn(project), maxKept);
        this.#byPath.set(project.path, { project, tail });
        isChanged = true;
      }
      for (const path of [...this.#byPath.keys()]) {
        if (!found.has(path)) isChanged = this.#byPath.delete(path);
      }
    } catch (error) {
      this.#runtime.log('warn', 'cannot look for new projects', { error });
    }
    if (isChanged) for (const listener of [...this.#listeners]) listener();
  }
}

/** Clients of all projects are people's: they get the event's words, too. */
function viewIn({ path: project }: Project): (event: RecordedEvent) => object {
  return (event) => ({ ...eventView(event), text: describeEvent(event), project });
}
