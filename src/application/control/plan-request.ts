import { type AgentRole, specDefaults } from '../../domain/agent.ts';
import type { BackendChoice } from '../../domain/backend-choice.ts';
import { startOf } from '../../domain/cut-text.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import {
  type AgentDraft,
  type AgentRequest,
  type Draft,
  given,
  type PlanDraft,
  type PlanRequest,
  type RoleDraft,
  type VerifyDraft,
} from '../../domain/plan.ts';
import type { PlanProblem } from '../../domain/plan-problem.ts';
import { isPredefinedName } from '../../domain/roles/catalog.ts';
import { commandRole } from '../../domain/roles/command-role.ts';
import { type FileRole, isFileRole } from '../../domain/roles/file-role.ts';
import { customRole, isRoleName, type Role, toRoleName } from '../../domain/roles/role.ts';
import { type VerifyRules, verifyDefaults } from '../../domain/verification.ts';
import { noSetup, type WorktreeSetup } from '../../domain/worktree.ts';
import type { Settings } from '../ports/settings.ts';
import type { Project } from '../project.ts';
import { catalogueOf, type RoleCatalogue } from '../roles/role-catalogue.ts';
import { backendProblems, commandProblems, problemOf } from './plan-checks.ts';

export interface OrchestrateRequest extends PlanDraft {
  readonly dryRun?: boolean | undefined;
}

/** A request with the folder it comes from. */
export interface PlacedRequest extends OrchestrateRequest {
  /** Canonical path where agents work and roles are looked up. Default: the project's folder. */
  readonly folder?: string | undefined;
  /** The user grants the agents every permission. Not part of a plan, so that no plan can do so. */
  readonly approveAll?: boolean | undefined;
  /** What the client calls this call, if it says the same when it sends the call again. */
  readonly callId?: string | undefined;
}

/** A request, as far as it can be completed, and the problems that this finds. */
interface CompletedRequest {
  readonly asked: PlanRequest;
  readonly problems: readonly PlanProblem[];
}

/** Completes the request with the defaults of roles and settings. */
export async function planRequest(project: Project, request: PlacedRequest): Promise<CompletedRequest> {
  return toPlanRequest(project, request, await rolesFor(project, request));
}

/** Reads the files that define roles once per plan, and only if it names a role. */
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

function toPlanRequest(project: Project, request: PlacedRequest, roles: RoleCatalogue): CompletedRequest {
  const problems: PlanProblem[] = [];
  const aliases: Record<string, string> = {};
  const { ofCommands } = project.backends;
  // A role's default must not prevent its agents from ever starting on a small machine.
  const halfOfMachine = Math.floor(project.host.capacity.totalMemoryMb() / 2);
  const agents = (request.agents ?? []).map(
    ({ role: asked, task, budget, fallback, worktree, verify, ...draft }, index): AgentRequest => {
      const { role, stored } = resolveRole(asked, roles, (error) =>
        problems.push(problemOf(error, ['agents', index, 'role'])),
      );
      if (typeof asked === 'string' && asked !== role.name) aliases[asked] = role.name;
      const backend =
        draft.backend ?? (draft.command === undefined ? backendOf(role, project.settings) : ofCommands.name);
      const first = { backend, model: draft.model ?? modelOf(project, role, backend), until: null };
      return {
        ...specDefaults,
        ...{ name: null, dependsOn: [], stage: null, instanceSuffix: null },
        ...{ backend, model: first.model },
        backends: choicesOf(project, role, first, fallback),
        ...(role === commandRole ? unlimited : limitsOf(role, halfOfMachine)),
        ...(draft.pool === undefined ? {} : { workspace: draft.workspace ?? 'own' }),
        ...(worktree === undefined ? {} : worktreeOf(worktree)),
        ...given(draft),
        verify: rulesOf(verify),
        role: stored,
        task,
        budget: { ...project.settings.budgets.agent, ...given(budget) },
      };
    },
  );
  for (const [index, agent] of agents.entries()) {
    problems.push(...backendProblems(project, agent, index), ...commandProblems(project, agent, index));
  }
  const { objective, strategy = 'parallel', failurePolicy = 'continue', onExit = 'stop' } = request;
  const { depth, parent } = project;
  const asked: PlanRequest = {
    ...{ objective, strategy, failurePolicy, onExit, depth, agents, aliases },
    limits: { maxConcurrency: null, maxAgentsPerRole: null, ...given(request.limits) },
    budget: { ...project.settings.budgets.session, ...given(request.budget) },
    parent: parent === null ? null : { ...parent, onEnd: request.onParentEnd ?? 'cancel' },
    folder: request.folder ?? null,
    approvals: request.approveAll === true ? 'all' : null,
    verify: rulesOf(request.verify),
    land: request.land === 'auto' ? 'auto' : null,
  };
  return { asked, problems };
}

/** A program has only the limits that the plan gives it. */
const unlimited = { timeoutMs: null, maxMemoryMb: null };

function limitsOf(role: Role, mostMemoryMb: number): Pick<AgentRequest, 'timeoutMs' | 'maxMemoryMb'> {
  return {
    timeoutMs: Math.round(role.defaultTimeoutMinutes * 60_000),
    maxMemoryMb: Math.min(role.defaultMaxMemoryMb, mostMemoryMb),
  };
}

function worktreeOf(draft: Draft<WorktreeSetup>): Pick<AgentRequest, 'workspace' | 'worktree'> {
  return { workspace: 'worktree', worktree: { ...noSetup, ...given(draft) } };
}

function rulesOf(draft: VerifyDraft | undefined): VerifyRules | null {
  return draft === undefined ? null : { ...verifyDefaults, ...given(draft), commands: draft.commands };
}

/** The default backend of a role's agents: the user's settings take precedence over the role's file. */
export function backendOf(
  role: Role | FileRole,
  settings: Pick<Settings, 'defaultBackend' | 'roles'>,
): string {
  const ofFile = isFileRole(role) ? role.backend : null;
  return settings.roles.get(role.name)?.backend ?? ofFile ?? settings.defaultBackend;
}

/** A model name is valid only for the backend that it was written for. */
function modelOf({ backends, settings }: Project, role: Role | FileRole, backend: string): string | null {
  if (backends.capabilitiesOf(backend)?.takesCommand === true) return null;
  const set = settings.roles.get(role.name)?.model ?? null;
  if (set !== null && backend === backendOf(role, settings)) return set;
  const model = isFileRole(role) ? role.model : null;
  return model !== null && (model.backend === null || model.backend === backend) ? model.name : null;
}

/** All backends that an agent may run on; null: only the first. */
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

/** @param refuse called with the reason if there is no such role; then the result only keeps its name */
function resolveRole(
  asked: AgentDraft['role'],
  roles: RoleCatalogue,
  refuse: (error: MaosError) => void,
): { readonly role: Role | FileRole; readonly stored: AgentRole } {
  try {
    if (typeof asked === 'string') {
      const role = roles.find(asked);
      return { role, stored: { name: role.name, custom: isFileRole(role) ? customOf(role) : null } };
    }
    const role = inlineRole(asked);
    const { name, description, responsibilities } = role;
    return { role, stored: { name, custom: { description, responsibilities } } };
  } catch (error) {
    if (!isMaosError(error, 'INVALID_ROLE')) throw error;
    refuse(error);
    const written = toRoleName(typeof asked === 'string' ? asked : asked.name);
    const name = isRoleName(written) ? written : 'unknown_role';
    return { role: customRole({ name, description: '' }), stored: { name, custom: null } };
  }
}

/** Copies what the agents need, so that they do not change when the file is changed or removed. */
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
