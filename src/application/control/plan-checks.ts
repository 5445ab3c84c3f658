import {
  type Command,
  compilePattern,
  isCommandAllowed,
  patternFor,
} from '../../domain/command-permission.ts';
import { startOf } from '../../domain/cut-text.ts';
import { isMaosError, MaosError, quote } from '../../domain/errors.ts';
import type { AgentRequest, Plan, PlanRequest } from '../../domain/plan.ts';
import { invalidPlan, type PlanPath, type PlanProblem } from '../../domain/plan-problem.ts';
import { commandRole } from '../../domain/roles/command-role.ts';
import type { Project } from '../project.ts';

/** Backends that are not configured. */
export function* backendProblems(
  { backends }: Project,
  agent: AgentRequest,
  index: number,
): Generator<PlanProblem> {
  const names = [agent.backend, ...(agent.backends ?? []).slice(1).map(({ backend }) => backend)];
  for (const [place, name] of names.entries()) {
    if (backends.capabilitiesOf(name) !== null) continue;
    const path = ['agents', index, ...(place === 0 ? ['backend'] : ['fallback', place - 1])];
    try {
      backends.get(name);
    } catch (error) {
      yield problemOf(error, path);
    }
  }
}

/** Only the backend that runs commands takes one, and no agent may mix it with others. */
export function* commandProblems(
  { backends }: Project,
  agent: AgentRequest,
  index: number,
): Generator<PlanProblem> {
  const capabilities = backends.capabilitiesOf(agent.backend);
  if (capabilities === null) return;
  const { takesCommand } = capabilities;
  const label = agent.name ?? `${index + 1} (${agent.role.name})`;
  const path = ['agents', index];
  const sources = [
    [...path, 'command'],
    [...path, 'backend'],
  ];
  if (takesCommand && agent.command === null) {
    yield invalidPlan(
      `Agent ${label} uses the backend ${quote(agent.backend)} but has no command: add one, as an array (program and arguments) or a shell line.`,
      [...path, 'backend'],
      { agent: index },
      sources,
    );
  }
  if (!takesCommand && agent.stdin !== null) {
    yield invalidPlan(
      `Agent ${label} has "stdin", which only an agent with a command has: remove it.`,
      [...path, 'stdin'],
      { agent: index },
      sources,
    );
  }
  if (
    !takesCommand &&
    agent.command === null &&
    agent.role.name === commandRole.name &&
    agent.role.custom === null
  ) {
    yield invalidPlan(
      `Agent ${label} has the role 'command' but no command: add one, or give it another role.`,
      [...path, 'role'],
      { agent: index },
      sources,
    );
  }
  if (!takesCommand && agent.command !== null) {
    yield invalidPlan(
      `Agent ${label} has a command, which only the backend ${quote(backends.ofCommands.name)} runs: remove it, or use that backend instead of ${quote(agent.backend)}.`,
      [...path, 'command'],
      { agent: index },
      sources,
    );
  }
  const others = agent.backends?.filter(({ backend }) => backends.capabilitiesOf(backend) !== null) ?? [];
  const other = others.find(({ backend }) => (backend === backends.ofCommands.name) !== takesCommand);
  if (other === undefined) return;
  yield invalidPlan(
    `Agent ${label} cannot fall back from ${quote(agent.backend)} to ${quote(other.backend)}: one of them runs commands, and the other does not. Remove it from fallback.`,
    [...path, 'fallback'],
    { agent: index, backend: startOf(other.backend, 200) },
    sources,
  );
}

/** The error of a look-up, as a problem of the plan that asked for it. @throws the error, unless it is a MaosError */
export function problemOf(error: unknown, path: PlanPath): PlanProblem {
  if (!isMaosError(error)) throw error;
  const { code, message, details } = error;
  return { code, message, path, details, restsOn: [] };
}

/** Limits how deep teams can be nested, because an agent could otherwise start agents without end. */
export function checkDepth({ depth, settings }: Project): void {
  if (depth < settings.maxDepth) return;
  throw new MaosError(
    'RESOURCE_LIMIT_EXCEEDED',
    `This maos runs inside an agent at depth ${depth}, and teams can be nested at most ${settings.maxDepth} deep. Do the work yourself, or raise the setting maxDepth.`,
    { details: { depth, limit: settings.maxDepth } },
  );
}

/** An agent that needs more memory than the machine has would wait forever. */
export function checkMemory({ host }: Project, { agents }: Plan): void {
  const total = host.capacity.totalMemoryMb();
  for (const [index, { name, pool, maxMemoryMb }] of agents.entries()) {
    if (pool !== null || maxMemoryMb === null || maxMemoryMb <= total) continue;
    throw new MaosError(
      'RESOURCE_LIMIT_EXCEEDED',
      `Agent ${name} needs ${maxMemoryMb} MiB of memory, and this machine has ${total} MiB: give it a smaller max_memory_mb.`,
      { details: { agent: index, needMb: maxMemoryMb, totalMb: total } },
    );
  }
}

/** Clients may run only what the user's configuration allows. @throws MaosError FORBIDDEN */
export function checkCommands({ settings }: Project, { request }: Plan): void {
  const patterns = settings.allowCommands.map(compilePattern);
  for (const command of commandsOf(request)) {
    if (isCommandAllowed(patterns, command)) continue;
    const pattern = patternFor(command);
    throw new MaosError(
      'FORBIDDEN',
      `Clients are not allowed to run the command ${quote(pattern)}. The user can allow it in ~/.maos/config.json: "allowCommands": [${quote(pattern)}] (exact lines, or patterns with *).`,
      { details: { command: startOf(pattern, 500), setting: 'allowCommands' } },
    );
  }
}

/** Every program that the caller chose. */
function commandsOf({ agents, verify }: PlanRequest): readonly Command[] {
  const ofAgents = agents.flatMap(({ command, worktree, verify }) => [
    ...(command === null ? [] : [command]),
    ...(worktree === null || worktree.setup === null ? [] : [worktree.setup]),
    ...(verify?.commands ?? []),
  ]);
  return [...ofAgents, ...(verify?.commands ?? [])];
}

/**
 * The backends of a plan whose program is missing, to name it before anything is stored, instead of in every agent's
 * failure.
 */
export async function missingBackends(
  { backends, host }: Project,
  { agents }: Plan,
): Promise<readonly MaosError[]> {
  const here = agents.filter(({ pool }) => pool === null);
  const names = here.flatMap(({ backend, backends: choices }) => [
    backend,
    ...(choices ?? []).map((choice) => choice.backend),
  ]);
  const missing: MaosError[] = [];
  for (const name of new Set(names)) {
    try {
      await backends.get(name).locate((program) => host.findProgram(program));
    } catch (error) {
      if (!isMaosError(error)) throw error;
      missing.push(error);
    }
  }
  return missing;
}

/** @throws MaosError FORBIDDEN for an agent, which must not grant its own team every permission */
export function checkApprovals({ parent }: Project, { request }: Plan): void {
  if (parent === null || request.approvals !== 'all') return;
  throw new MaosError(
    'FORBIDDEN',
    'An agent cannot allow its team every permission (--yes): only a person can. Start the team without it.',
    { details: { agentId: parent.agentId } },
  );
}
