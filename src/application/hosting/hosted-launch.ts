import { type CommandPattern, isCommandAllowed } from '../../domain/command-permission.ts';
import { MaosError, quote } from '../../domain/errors.ts';
import type { AgentLocations } from '../ports/agent-disk.ts';
import type { AgentHost, PlacedLaunch } from '../ports/agent-host.ts';
import type { Backends } from '../ports/backend.ts';
import { type LaunchOrder, orderedFolder } from '../ports/hosting.ts';
import type { Checkout } from '../ports/workspaces.ts';
import type { Project } from '../project.ts';
import {
  agentEnvironment,
  portVariables,
  teamServerFor,
  workVariables,
} from '../session/agent-environment.ts';

/** What a host lets homes run. */
export interface HostRules {
  readonly commands: readonly CommandPattern[];
  /** Backends that orders may use; null: all that this host has. */
  readonly backends: readonly string[] | null;
  /** Public keys of the homes that may give orders; null: all homes. */
  readonly homes: readonly string[] | null;
}

/** @throws MaosError FORBIDDEN with what to change on the host */
export function checkOrder({ agent }: LaunchOrder, rules: HostRules): void {
  const { backend, command, workspace } = agent;
  if (workspace === 'project') {
    throw new MaosError('FORBIDDEN', 'This host has no project for an agent with the workspace "project".');
  }
  if (rules.backends !== null && !rules.backends.includes(backend)) {
    throw new MaosError(
      'FORBIDDEN',
      `This host does not run the backend ${quote(backend)}: its setting remote.backends lacks it.`,
    );
  }
  if (command !== null && !isCommandAllowed(rules.commands, command)) {
    const shown = typeof command === 'string' ? command : command.join(' ');
    throw new MaosError(
      'FORBIDDEN',
      `This host does not run the command ${quote(shown)}: its setting allowCommands lacks it.`,
    );
  }
  const setup = agent.worktree?.setup ?? null;
  if (setup !== null && !isCommandAllowed(rules.commands, setup)) {
    throw new MaosError(
      'FORBIDDEN',
      `This host does not run the set-up command ${quote(setup)}: its setting allowCommands lacks it.`,
    );
  }
}

/** Where an order is carried out. */
interface OrderedPlace {
  readonly host: AgentHost;
  readonly backends: Backends;
  /** The agent's worktree; null: it has none. */
  readonly checkout: Checkout | null;
  readonly teamServer: Project['agentServer'];
  /** Where its programs leave their calls. */
  readonly calls: string;
}

/** Stores the prompt of an ordered agent, and composes its launch by the settings of this host. */
export async function prepareOrder(order: LaunchOrder, on: OrderedPlace): Promise<PlacedLaunch> {
  const { host, backends, checkout } = on;
  const { session, agent, briefing, maxSubagents } = order;
  const locations = locationsOf(order, host);
  const resume = (await hasConversation(order, host)) ? order.resume : null;
  const prompt = (resume ?? order).prompt.replaceAll(orderedFolder(session.id), locations.session);
  await host.prepare(agent, prompt);
  const backend = backends.get(agent.backend);
  const variables = { ...agentEnvironment(session, agent, locations, ''), MAOS_AGENT_CALLS: on.calls };
  const spec = await backend.prepare({
    ...{ session, agent, briefing, locations, maxSubagents },
    findProgram: (name) => host.findProgram(name),
    resume: resume?.conversation ?? null,
    teamServer: backend.capabilities.servesMcp ? teamServerFor(on.teamServer, variables) : null,
  });
  const first = backend.live === null ? {} : { firstInput: backend.live.text('prompt', prompt) };
  const env = {
    ...variables,
    MAOS_AGENT_TOKEN: null,
    ...workVariables(agent),
    ...portVariables(checkout?.ports ?? []),
    ...spec.env,
  };
  return { ...spec, ...first, env, cwd: locations.workingDirectory };
}

/** Whether this host has the conversation to resume: conversations stay on the host of the attempt before. */
export async function hasConversation({ agent, resume }: LaunchOrder, host: AgentHost): Promise<boolean> {
  return resume !== null && (await host.outputStart(agent, agent.attempt - 1)) !== null;
}

/** The agent's worktree, or its own folder, takes the place of the home's project, which is not here. */
function locationsOf({ session, agent }: LaunchOrder, host: AgentHost): AgentLocations {
  const locations = host.locations({ ...session, folder: null }, agent);
  return { ...locations, projectRoot: locations.workingDirectory };
}
