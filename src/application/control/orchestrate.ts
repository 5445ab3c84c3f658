import { type AgentRole, specDefaults } from '../../domain/agent.ts';
import type { BackendChoice } from '../../domain/backend-choice.ts';
import { compilePattern, isCommandAllowed, patternFor } from '../../domain/command-permission.ts';
import { startOf } from '../../domain/cut-text.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import { makeSessionId } from '../../domain/ids.ts';
import {
  type AgentDraft,
  type AgentRequest,
  given,
  makePlan,
  type Plan,
  type PlanDraft,
  type PlanRequest,
  type RoleDraft,
} from '../../domain/plan.ts';
import { isPredefinedName } from '../../domain/roles/catalog.ts';
import { type FileRole, isFileRole } from '../../domain/roles/file-role.ts';
import { customRole, isRoleName, type Role } from '../../domain/roles/role.ts';
import { type Change, createWorkflow, type Workflow } from '../../domain/workflow.ts';
import type { AcpRunRecord } from '../ports/acp-runs.ts';
import type { Lease } from '../ports/ownership.ts';
import { AgentIdTaken } from '../ports/session-store.ts';
import type { Settings } from '../ports/settings.ts';
import type { Project } from '../project.ts';
import { catalogueOf, type RoleCatalogue } from '../roles/role-catalogue.ts';
import type { Supervisor } from '../session/supervisor.ts';
import { whenFree } from '../when-free.ts';

/** Even with millions of agents stored, that many draws in a row do not all meet one. */
const maxDraws = 10;

/** Who asks: a terminal may run any command, a client only those the user's configuration allows. */
export type Origin = 'terminal' | 'client';

export interface OrchestrateRequest extends PlanDraft {
  readonly dryRun?: boolean | undefined;
}

/** A request, and where it comes from. */
export interface PlacedRequest extends OrchestrateRequest {
  /** Canonical: where the agents work and roles are looked for. Default: the project's own folder. */
  readonly folder?: string | undefined;
}

/** A session that is a run of the Agent Communication Protocol. */
export interface AcpOrigin {
  readonly record: AcpRunRecord;
  /** The conversation of an earlier run that its agent continues. */
  readonly conversation: string | null;
}

export interface Orchestrated {
  readonly workflow: Workflow;
  /** False for a dry run: nothing was stored and nothing runs. */
  readonly stored: boolean;
}

/**
 * Checks a request, stores the session with its first events and hands it to the supervisor. The answer comes before
 * any agent runs, and after everything needed to run them is durable.
 * @throws MaosError INVALID_ROLE, INVALID_PLAN, INVALID_INPUT, FORBIDDEN, BACKEND_UNAVAILABLE, RESOURCE_LIMIT_EXCEEDED
 */
export async function orchestrate(
  project: Project,
  supervisor: Supervisor,
  request: PlacedRequest,
  origin: Origin,
  acp: AcpOrigin | null = null,
): Promise<Orchestrated> {
  const plan = makePlan(toPlanRequest(project, request, await rolesFor(project, request)));
  checkDepth(project);
  checkMemory(project, plan);
  if (origin === 'client') checkCommands(project, plan);
  await checkBackends(project, plan);
  if (request.dryRun === true) return { workflow: drawWorkflow(project, plan).next, stored: false };
  await project.instances.announce();
  const { parent } = plan.request;
  // A process that sees the parent end must find what is stored next.
  if (parent?.onEnd === 'cancel') await whenFree(project, () => project.teams.note(parent));
  const { lease, workflow } = await store(project, plan, acp);
  project.watcher.notify();
  supervisor.take(lease, workflow);
  return { workflow, stored: true };
}

function drawWorkflow(project: Project, plan: Plan): Change {
  const ids = {
    sessionId: makeSessionId(project.ids.ulid()),
    suffixes: plan.agents.map(() => project.ids.suffix()),
  };
  return createWorkflow(plan, ids, project.clock.now());
}

/** Draws new ids when the store says that one is taken: among many sessions, six random characters meet at times. */
async function store(
  project: Project,
  plan: Plan,
  acp: AcpOrigin | null,
): Promise<{ lease: Lease; workflow: Workflow }> {
  for (let draws = 1; ; draws++) {
    const change = goingOn(drawWorkflow(project, plan), acp?.conversation ?? null);
    try {
      const lease = await whenFree(project, () =>
        project.store.create(change, project.instance, acp?.record ?? null),
      );
      return { lease, workflow: change.next };
    } catch (error) {
      if (!(error instanceof AgentIdTaken)) throw error;
      if (draws === maxDraws) throw new MaosError('INTERNAL', error.message, { cause: error });
    }
  }
}

function goingOn(change: Change, conversation: string | null): Change {
  if (conversation === null) return change;
  const { next, events } = change;
  return { next: { ...next, agents: next.agents.map((agent) => ({ ...agent, conversation })) }, events };
}

/** The files that define roles are read once for a plan, and only if it names a role. */
async function rolesFor(
  project: Project,
  { agents = [], folder = project.path }: PlacedRequest,
): Promise<RoleCatalogue> {
  const asks = agents.some(({ role }) => typeof role === 'string');
  const catalogue = catalogueOf(asks ? await project.roles.read(folder) : { files: [], predefined: [] });
  for (const { path, message } of catalogue.problems) {
    project.log.log('warn', 'a role file is ignored', { path, reason: message });
  }
  return catalogue;
}

function toPlanRequest(project: Project, request: PlacedRequest, roles: RoleCatalogue): PlanRequest {
  const aliases: Record<string, string> = {};
  const { ofCommands } = project.backends;
  // What a role usually needs must not keep it from ever starting on a small machine.
  const halfOfMachine = Math.floor(project.host.capacity.totalMemoryMb() / 2);
  const agents = (request.agents ?? []).map(
    ({ role: asked, task, budget, fallback, ...draft }): AgentRequest => {
      const { role, stored } = resolveRole(asked, roles);
      if (typeof asked === 'string' && asked !== role.name) aliases[asked] = role.name;
      const backend =
        draft.backend ?? (draft.command === undefined ? backendOf(role, project.settings) : ofCommands.name);
      const first = { backend, model: draft.model ?? modelOf(project, role, backend), until: null };
      return {
        ...specDefaults,
        ...{ name: null, dependsOn: [], stage: null, instanceSuffix: null },
        ...{ backend, model: first.model },
        backends: choicesOf(project, role, first, fallback),
        timeoutMs: Math.round(role.defaultTimeoutMinutes * 60_000),
        maxMemoryMb: Math.min(role.defaultMaxMemoryMb, halfOfMachine),
        ...given(draft),
        role: stored,
        task,
        budget: { ...project.settings.budgets.agent, ...given(budget) },
      };
    },
  );
  for (const [index, agent] of agents.entries()) checkCommandShape(project, agent, index);
  const { objective, strategy = 'parallel', failurePolicy = 'continue', onExit = 'stop' } = request;
  const { depth, parent } = project;
  return {
    ...{ objective, strategy, failurePolicy, onExit, depth, agents, aliases },
    limits: { maxConcurrency: null, maxAgentsPerRole: null, ...given(request.limits) },
    budget: { ...project.settings.budgets.session, ...given(request.budget) },
    parent: parent === null ? null : { ...parent, onEnd: request.onParentEnd ?? 'cancel' },
    folder: request.folder ?? null,
  };
}

/** The backend of a role's agents where nothing else is asked for: the user's settings go before the role's file. */
export function backendOf(
  role: Role | FileRole,
  settings: Pick<Settings, 'defaultBackend' | 'roles'>,
): string {
  const ofFile = isFileRole(role) ? role.backend : null;
  return settings.roles.get(role.name)?.backend ?? ofFile ?? settings.defaultBackend;
}

/** A model belongs to the backend that its name was written for. */
function modelOf({ backends, settings }: Project, role: Role | FileRole, backend: string): string | null {
  if (backends.capabilitiesOf(backend)?.takesCommand === true) return null;
  const set = settings.roles.get(role.name)?.model ?? null;
  if (set !== null && backend === backendOf(role, settings)) return set;
  const model = isFileRole(role) ? role.model : null;
  return model !== null && (model.backend === null || model.backend === backend) ? model.name : null;
}

/** All the backends that an agent may run on; null: only the first. */
function choicesOf(
  project: Project,
  role: Role | FileRole,
  first: BackendChoice,
  asked: readonly string[] | undefined,
): readonly BackendChoice[] | null {
  const { backends, settings } = project;
  const runsCommand = backends.capabilitiesOf(first.backend)?.takesCommand === true;
  const usual = runsCommand ? [] : (settings.roles.get(role.name)?.fallback ?? []);
  const names = new Set(asked ?? usual);
  names.delete(first.backend);
  if (names.size === 0) return null;
  const others = [...names].map((backend) => ({
    ...{ backend, model: modelOf(project, role, backend), until: null },
  }));
  return [first, ...others];
}

function resolveRole(
  asked: AgentDraft['role'],
  roles: RoleCatalogue,
): { readonly role: Role | FileRole; readonly stored: AgentRole } {
  if (typeof asked === 'string') {
    const role = roles.find(asked);
    return { role, stored: { name: role.name, custom: isFileRole(role) ? customOf(role) : null } };
  }
  const role = inlineRole(asked);
  const { name, description, responsibilities } = role;
  return { role, stored: { name, custom: { description, responsibilities } } };
}

/** All of a file that its agents need: they stay what they are when it is changed or removed. */
function customOf({ description, responsibilities, prompt = '', path, tools, deniedTools }: FileRole) {
  return { description, responsibilities, file: { path, prompt, tools, deniedTools } };
}

function inlineRole(role: RoleDraft): Role {
  if (!isRoleName(role.name)) {
    throw new MaosError(
      'INVALID_ROLE',
      `Role name ${quote(role.name)} is not valid: use 1 to 63 of a-z, 0-9 and '_', starting with a letter.`,
      { details: { role: startOf(role.name, 200) } },
    );
  }
  if (isPredefinedName(role.name)) {
    throw new MaosError(
      'INVALID_ROLE',
      `${quote(role.name)} is a predefined role: refer to it by name ("role": ${quote(role.name)}), or give your own role another name.`,
      { details: { role: role.name } },
    );
  }
  return customRole(role);
}

function checkCommandShape({ backends }: Project, agent: AgentRequest, index: number): void {
  const takesCommand = backends.capabilitiesOf(agent.backend)?.takesCommand === true;
  const label = agent.name ?? `${index + 1} (${agent.role.name})`;
  if (takesCommand && agent.command === null) {
    throw new MaosError(
      'INVALID_PLAN',
      `Agent ${label} uses the backend ${quote(agent.backend)} but has no command: add one, as an array (program and arguments) or a shell line.`,
      { details: { agent: index } },
    );
  }
  if (!takesCommand && agent.command !== null) {
    throw new MaosError(
      'INVALID_PLAN',
      `Agent ${label} has a command, which only the backend ${quote(backends.ofCommands.name)} runs: remove it, or use that backend instead of ${quote(agent.backend)}.`,
      { details: { agent: index } },
    );
  }
  const other = agent.backends?.find(
    ({ backend }) => (backend === backends.ofCommands.name) !== takesCommand,
  );
  if (other === undefined) return;
  throw new MaosError(
    'INVALID_PLAN',
    `Agent ${label} cannot fall back from ${quote(agent.backend)} to ${quote(other.backend)}: one of them runs commands, and the other does not. Remove it from fallback.`,
    { details: { agent: index, backend: startOf(other.backend, 200) } },
  );
}

/** Teams inside teams end at a depth, or one agent could start agents without end. */
function checkDepth({ depth, settings }: Project): void {
  if (depth < settings.maxDepth) return;
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `This maos runs inside an agent at depth ${depth}, and teams can be nested at most ${settings.maxDepth} deep. Do the work yourself, or raise the setting maxDepth.`,
    { details: { depth, limit: settings.maxDepth } },
  );
}

/** An agent that needs more memory than the machine has would wait forever. */
function checkMemory({ host }: Project, { agents }: Plan): void {
  const total = host.capacity.totalMemoryMb();
  for (const [index, { name, maxMemoryMb }] of agents.entries()) {
    if (maxMemoryMb <= total) continue;
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `Agent ${name} needs ${maxMemoryMb} MiB of memory, and this machine has ${total} MiB: give it a smaller max_memory_mb.`,
      { details: { agent: index, needMb: maxMemoryMb, totalMb: total } },
    );
  }
}

function checkCommands({ settings }: Project, { agents }: Plan): void {
  const patterns = settings.allowCommands.map(compilePattern);
  for (const { command } of agents) {
    if (command === null || isCommandAllowed(patterns, command)) continue;
    const pattern = patternFor(command);
    throw new MaosError(
      'FORBIDDEN',
      `Clients are not allowed to run the command ${quote(pattern)}. The user can allow it in ~/.maos/config.json: "allowCommands": [${quote(pattern)}] (exact lines, or patterns with *).`,
      { details: { command: startOf(pattern, 500), setting: 'allowCommands' } },
    );
  }
}

/** Names the missing program before anything is stored, instead of in every agent's failure. */
async function checkBackends({ backends, host }: Project, { agents }: Plan): Promise<void> {
  const names = agents.flatMap(({ backend, backends: choices }) => [
    backend,
    ...(choices ?? []).map((choice) => choice.backend),
  ]);
  for (const name of new Set(names)) {
    await backends.get(name).locate((program) => host.findProgram(program));
  }
}
