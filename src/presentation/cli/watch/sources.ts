import type { Project } from '../../../application/project.ts';
import type { SupervisedProject } from '../../../application/runtime.ts';
import { isMaosError } from '../../../domain/errors.ts';
import type { SessionId } from '../../../domain/ids.ts';
import type { CommandContext } from '../command.ts';
import { sessionsOf } from '../commands/list.ts';
import type { OpenSession } from '../facts/projects.ts';
import { adoptOrphans, watchOwner } from '../shell/owner-notice.ts';
import { AgentSource } from './agent-source.ts';
import { SessionSource } from './session-source.ts';
import { chosenAgent, chosenSession, type ListedSession, type WatchState } from './state.ts';
import type { WatchEvent } from './update.ts';

/** Sessions listed of each project. */
const maxListed = 200;
/** Open requests looked at in each project. */
const maxOpen = 1_000;
/** Shortest time between two reads of the chosen session, and of the list. */
const sessionMs = 100;
const listMs = 500;
/** While the list is not on the screen. */
const hiddenListMs = 3_000;
/** How often projects are looked for that were not there at the start. */
const projectsMs = 5_000;

/** A project whose sessions are listed. */
interface Listed extends SupervisedProject {
  position: number | null;
  sessions: readonly ListedSession[];
  stop(): void;
}

/**
 * Reads what the state has chosen, and tells what has changed: on every write to a store, not at intervals. Only the
 * output of one running agent is looked for regularly.
 */
export class WatchSources {
  readonly #context: CommandContext;
  readonly #all: boolean;
  readonly #emit: (event: WatchEvent) => void;
  readonly #projects = new Map<string, Listed>();
  readonly #quiet: Parameters<typeof watchOwner>[1];
  /** The session that the user named; it may be older than those listed. */
  readonly #pinned: OpenSession | null;
  #session: SessionSource | null = null;
  #agent: AgentSource | null = null;
  #stopOwner: (() => void) | null = null;
  #timers = new Map<'session' | 'list' | 'projects', NodeJS.Timeout>();
  #isListShown = true;
  #stopped = false;

  constructor(
    context: CommandContext,
    chosen: { all: boolean; session: OpenSession | null },
    emit: (event: WatchEvent) => void,
  ) {
    this.#context = context;
    this.#all = chosen.all;
    this.#pinned = chosen.session;
    this.#emit = emit;
    // A notice on the terminal would destroy the screen.
    const notice = (text: string): void => context.runtime().log('info', text);
    this.#quiet = { runtime: context.runtime, terminal: { notice } };
  }

  async start(): Promise<void> {
    if (this.#pinned !== null) this.#add(this.#pinned);
    await this.#findProjects();
  }

  /** The session with its project. */
  opened(id: SessionId): OpenSession | null {
    if (this.#pinned?.id === id) return this.#pinned;
    const holds = ({ sessions, project }: Listed): boolean =>
      sessions.some(({ summary }) => summary.session.id === id) ||
      (this.#session?.id === id && this.#session.project === project);
    const listed = [...this.#projects.values()].find(holds);
    return listed === undefined ? null : { project: listed.project, supervisor: listed.supervisor, id };
  }

  get ownsSessions(): boolean {
    return [...this.#projects.values()].some(({ supervisor }) => supervisor.owned.length > 0);
  }

  /** Reads what the state has chosen. */
  follow(state: WatchState): void {
    const { sessionId } = state;
    const isListShown = state.focus === 'sessions';
    if (isListShown && !this.#isListShown) this.#readList();
    this.#isListShown = isListShown;
    if (sessionId !== null && sessionId !== this.#session?.id) this.#open(sessionId);
    const session = chosenSession(state);
    const agent = chosenAgent(state);
    if (session === null || agent === null || state.focus === 'sessions' || this.#session === null) {
      this.#agent?.stop();
      this.#agent = null;
      return;
    }
    const latest = { workflow: session.workflow, agent, tab: state.tab };
    if (this.#agent?.id !== agent.id) {
      this.#agent?.stop();
      this.#agent = new AgentSource(this.#session.project, latest, (view) =>
        this.#emit({ type: 'agent', agent: view }),
      );
    }
    this.#agent.look(latest);
  }

  /** Reads at once what an action has changed, so that the next key acts on it. */
  readNow(): void {
    this.#readSession();
    this.#readList();
  }

  stop(): void {
    this.#stopped = true;
    this.#agent?.stop();
    this.#stopOwner?.();
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const listed of this.#projects.values()) listed.stop();
  }

  #open(id: SessionId): void {
    const opened = this.opened(id);
    if (opened === null) return;
    if (opened.project !== this.#session?.project) {
      this.#stopOwner?.();
      this.#stopOwner = watchOwner(opened, this.#quiet);
    }
    this.#session = new SessionSource(opened.project, id);
    this.#later('session', 0, () => this.#readSession());
  }

  #add(open: SupervisedProject): void {
    const { project, supervisor } = open;
    if (this.#stopped || this.#projects.has(project.path)) return;
    const stop = project.watcher.subscribe(() => this.#onChange(project));
    this.#projects.set(project.path, { project, supervisor, position: null, sessions: [], stop });
    this.#readList();
    void adoptOrphans(this.#quiet, project);
  }

  #onChange(project: Project): void {
    if (project === this.#session?.project) this.#later('session', sessionMs, () => this.#readSession());
    this.#later('list', this.#isListShown ? listMs : hiddenListMs, () => this.#readList());
  }

  #later(what: 'session' | 'list' | 'projects', ms: number, read: () => void): void {
    if (this.#stopped || this.#timers.has(what)) return;
    const timer = setTimeout(() => {
      this.#timers.delete(what);
      read();
    }, ms);
    this.#timers.set(what, timer);
  }

  #readSession(): void {
    this.#reading(() => {
      const session = this.#session?.read() ?? null;
      if (session !== null) this.#emit({ type: 'session', session });
    });
  }

  #readList(): void {
    this.#reading(() => {
      let changed = false;
      for (const listed of this.#projects.values()) {
        const position = listed.project.store.feed.lastPosition();
        if (position === listed.position) continue;
        changed = true;
        listed.position = position;
        listed.sessions = this.#sessionsOf(listed.project);
      }
      if (changed) this.#emit({ type: 'sessions', sessions: this.#sorted() });
    });
  }

  #sessionsOf(project: Project): readonly ListedSession[] {
    const open = project.store.inputRequests.list({ state: 'open', limit: maxOpen });
    const asking = new Set(open.map(({ sessionId }) => sessionId));
    return sessionsOf(project, undefined, maxListed).map((listed) => ({
      ...listed,
      asks: asking.has(listed.summary.session.id),
    }));
  }

  /** Newest first. Within a project the order of storing decides; across projects there is only the time in the id. */
  #sorted(): readonly ListedSession[] {
    const all = [...this.#projects.values()].flatMap(({ sessions }) => sessions);
    if (this.#projects.size === 1) return all;
    return all.toSorted((a, b) => (a.summary.session.id < b.summary.session.id ? 1 : -1));
  }

  async #findProjects(): Promise<void> {
    const { runtime, projectPath } = this.#context;
    try {
      const own = await runtime().findProject(projectPath);
      if (own !== null && (this.#pinned === null || this.#all)) this.#add(own);
      if (this.#all) for await (const open of runtime().allProjects()) this.#add(open);
    } catch (error) {
      this.#tell(error);
    }
    // Before its first session a project has no store that could be watched.
    if (this.#projects.size === 0) this.#emit({ type: 'sessions', sessions: [] });
    const isComplete = !this.#all && this.#projects.size > 0;
    if (!isComplete) this.#later('projects', projectsMs, () => void this.#findProjects());
  }

  /** A store that cannot be read now may be readable at the next change. */
  #reading(read: () => void): void {
    try {
      read();
    } catch (error) {
      this.#tell(error);
    }
  }

  #tell(error: unknown): void {
    if (!isMaosError(error)) throw error;
    this.#emit({ type: 'told', text: error.message, failed: true });
  }
}
