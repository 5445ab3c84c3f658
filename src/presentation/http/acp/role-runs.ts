import {
  agentToContinue,
  promptEscapeOf,
  runIdOf,
  sessionOfRun,
  startAcpRun,
} from '../../../application/control/acp-runs.ts';
import { requestCancel, requestResume } from '../../../application/control/control.ts';
import type { SessionReader } from '../../../application/ports/session-reader.ts';
import type { Project } from '../../../application/project.ts';
import { catalogueOf } from '../../../application/roles/role-catalogue.ts';
import type { OpenProject, Runtime } from '../../../application/runtime.ts';
import type { SessionId } from '../../../domain/ids.ts';
import { isSessionEnded, type SessionState } from '../../../domain/session.ts';
import { inState } from '../../../domain/state-words.ts';
import { notPossible } from './errors.ts';
import { assertSaysNothing, toTask } from './role-input.ts';
import { manifestsOf, roleNameOf } from './role-manifest.ts';
import { type Detail, roleRunEvents } from './role-run-events.ts';
import { isOver, type RunHandle, type RunSource } from './run-source.ts';
import type { AcpEvent, Message, Run, RunStatus } from './schemas.ts';

/** The roles of a project as agents. Each run is a session with one agent, and equally durable. */
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

  async function start(agent: string, input: readonly Message[], acpSession: string): Promise<RunHandle> {
    const open = await runtime.openProject(projectPath);
    const { project, supervisor } = open;
    const role = roleNameOf(agent);
    const earlier = project.store.acpRuns.ofSession(acpSession);
    const after = continuedRun(project, earlier, role);
    const before: Message[] = [];
    for (const id of unseenRuns(project, earlier, after))
      before.push(...(await messagesOf(handleOf(open, id))));
    const { folder } = open;
    const { task, objective } = toTask(input, before, await promptEscapeOf(project, role, folder));
    const request = { role, task, objective, acpSession, input, after, folder };
    return new RoleRun(open, await startAcpRun(project, supervisor, request), { acpSession, input });
  }

  return {
    async agents() {
      const open = await runtime.findProject(projectPath);
      const roles = catalogueOf(await runtime.roles(projectPath));
      return manifestsOf(roles, open?.project.store.acpRuns.roleRecords() ?? []);
    },

    async has(agent) {
      const manifests = manifestsOf(catalogueOf(await runtime.roles(projectPath)), []);
      return manifests.some(({ name }) => name === agent);
    },

    start,
    find,
    ofSession,
  };
}

/** The messages of a run if it completed, otherwise none. */
export async function messagesOf(run: RunHandle | null): Promise<readonly Message[]> {
  const { status, output } = run === null ? { status: 'failed', output: [] } : await run.current();
  return run === null || status !== 'completed' ? [] : [...run.input, ...output];
}

/** The latest run of the role whose conversation no unfinished, failed or cancelled later run has continued. */
function continuedRun(project: Project, earlier: readonly SessionId[], role: string): SessionId | null {
  const changed = new Set<string>();
  for (const id of earlier.toReversed()) {
    const agent = project.store.load(id).agents[0];
    const conversation = agentToContinue(project, id)?.conversation ?? null;
    if (conversation !== null && agent?.role.name === role && !changed.has(conversation)) return id;
    for (const left of [agent?.conversation, agent?.resumed]) if (left != null) changed.add(left);
  }
  return null;
}

/** The runs that the conversation does not contain: those that had not ended when it last received earlier messages. */
function unseenRuns(
  { store }: { readonly store: SessionReader },
  earlier: readonly SessionId[],
  after: SessionId | null,
): readonly SessionId[] {
  if (after === null) return earlier;
  const { createdAt } = store.summary(after).session;
  return earlier.filter((id) => {
    const { endedAt } = store.summary(id).session;
    return id !== after && endedAt !== null && endedAt > createdAt;
  });
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
    // Only an ended run has output to read.
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
    if (isSessionEnded(state)) throw notPossible(`Run ${this.id} cannot be cancelled: it ${inState(state)}.`);
    await requestCancel(project, supervisor, this.#sessionId, 'acp', 'Cancelled over ACP.');
  }

  async resume(message: Message): Promise<void> {
    assertSaysNothing(message);
    const { project, supervisor } = this.#open;
    const state = this.#state();
    if (state !== 'paused')
      throw notPossible(`Run ${this.id} is ${statuses[state]}: it is not awaiting input.`);
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
