import { conversationOf, runIdOf, sessionOfRun, startAcpRun } from '../../../application/acp-runs.ts';
import { requestCancel, requestResume } from '../../../application/control.ts';
import type { Project } from '../../../application/project.ts';
import { catalogueOf } from '../../../application/role-catalogue.ts';
import type { OpenProject, Runtime } from '../../../application/runtime.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { isSessionEnded, type SessionState } from '../../../domain/session.ts';
import { notPossible } from './errors.ts';
import { toTask } from './role-input.ts';
import { manifestsOf, roleNameOf } from './role-manifest.ts';
import { type Detail, roleRunEvents } from './role-run-events.ts';
import { isOver, type RunHandle, type RunSource } from './run-source.ts';
import type { AcpEvent, Message, Run, RunStatus } from './schemas.ts';

/** The roles of a folder's project as agents: each run is a session with one agent, and as durable. */
export function makeRoleRuns(runtime: Runtime, projectPath: string): RunSource {
  async function find(id: string): Promise<RunHandle | null> {
    const open = await runtime.findProject(projectPath);
    return open === null ? null : handleOf(open, sessionOfRun(id));
  }

  async function ofSession(acpSession: string): Promise<readonly RunHandle[]> {
    const open = await runtime.findProject(projectPath);
    const ids = open?.project.store.acpRuns.ofSession(acpSession) ?? [];
    return ids.flatMap((id) => (open === null ? [] : (handleOf(open, id) ?? [])));
  }

  return {
    agents: async () => manifestsOf(catalogueOf(await runtime.roles(projectPath))),

    async start(agent, input, acpSession) {
      const open = await runtime.openProject(projectPath);
      const { project, supervisor } = open;
      const role = roleNameOf(agent);
      const earlier = project.store.acpRuns.ofSession(acpSession);
      const after = earlier.findLast((id) => isGoneOnWith(project, id, role)) ?? null;
      const since = after === null ? earlier : earlier.filter((id) => id > after);
      const before: Message[] = [];
      for (const id of since) before.push(...(await messagesOf(handleOf(open, id))));
      const { task, objective } = toTask(input, before);
      const request = { role, task, objective, acpSession, input, after };
      return new RoleRun(open, await startAcpRun(project, supervisor, request), { acpSession, input });
    },

    find,
    ofSession,
  };
}

/** What was said in a run, if it completed. */
export async function messagesOf(run: RunHandle | null): Promise<readonly Message[]> {
  const { status, output } = run === null ? { status: 'failed', output: [] } : await run.current();
  return run === null || status !== 'completed' ? [] : [...run.input, ...output];
}

function isGoneOnWith(project: Project, id: SessionId, role: string): boolean {
  return project.store.load(id).agents[0]?.role.name === role && conversationOf(project, id) !== null;
}

function handleOf(open: OpenProject, id: SessionId): RoleRun | null {
  const record = open.project.store.acpRuns.find(id);
  if (record === null) return null;
  return new RoleRun(open, id, { acpSession: record.acpSession, input: record.input as readonly Message[] });
}

const statuses: Record<SessionState, RunStatus> = {
  created: 'created',
  running: 'in-progress',
  paused: 'awaiting',
  completed: 'completed',
  failed: 'failed',
  cancelled: 'cancelled',
};

class RoleRun implements RunHandle {
  readonly id: string;
  readonly input: readonly Message[];
  readonly #open: OpenProject;
  readonly #sessionId: SessionId;
  readonly #acpSession: string;

  constructor(
    open: OpenProject,
    sessionId: SessionId,
    record: { readonly acpSession: string; readonly input: readonly Message[] },
  ) {
    this.#open = open;
    this.#sessionId = sessionId;
    this.#acpSession = record.acpSession;
    this.id = runIdOf(sessionId);
    this.input = record.input;
  }

  async current(): Promise<Run> {
    let run = await this.#last('states');
    // Only then there is something to read in its output.
    if (isOver(run.status)) run = await this.#last('all');
    return !isOver(run.status) && this.#isToBeCancelled() ? { ...run, status: 'cancelling' } : run;
  }

  async #last(detail: Detail): Promise<Run> {
    let run: Run | null = null;
    for await (const event of this.#events(null, detail)) if ('run' in event) run = event.run;
    if (run === null) throw new Error(`Session ${this.#sessionId} has no events.`);
    return run;
  }

  async *events(skip: number, signal: AbortSignal | null): AsyncGenerator<AcpEvent> {
    let count = 0;
    for await (const event of this.#events(signal)) {
      count += 1;
      if (count > skip) yield event;
    }
  }

  #events(signal: AbortSignal | null, detail: Detail = 'all'): AsyncGenerator<AcpEvent> {
    return roleRunEvents(this.#open.project, this.#sessionId, this.#acpSession, signal, detail);
  }

  async cancel(): Promise<void> {
    const { project, supervisor } = this.#open;
    const state = this.#state();
    if (isSessionEnded(state)) throw notPossible(`Run ${this.id} is ${state} and cannot be cancelled.`);
    await requestCancel(project, supervisor, this.#sessionId, 'acp', 'Cancelled over ACP.');
  }

  async resume(): Promise<void> {
    const { project, supervisor } = this.#open;
    const state = this.#state();
    if (state !== 'paused') throw notPossible(`Run ${this.id} is ${statuses[state]}: it awaits nothing.`);
    await requestResume(project, supervisor, this.#sessionId, 'acp', 'Resumed over ACP.');
  }

  #state(): SessionState {
    return this.#open.project.store.summary(this.#sessionId).session.state;
  }

  #isToBeCancelled(): boolean {
    const { store } = this.#open.project;
    for (let last = 0; ; ) {
      const events = store.events(this.#sessionId, last, 500);
      if (events.some(({ type, data }) => type === 'session.requested' && data.action === 'cancel'))
        return true;
      if (events.length === 0) return false;
      last = events.at(-1)?.seq ?? last;
    }
  }
}
