import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import { roleOf } from '../../domain/roles/catalog.ts';
import { roleBriefing } from '../../domain/roles/role.ts';
import { teamReachOf } from '../messaging/team-reach.ts';
import type { PlacedLaunch, ProgramLookup } from '../ports/agent-host.ts';
import type { Backend } from '../ports/backend.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { Settings } from '../ports/settings.ts';
import type { Project } from '../project.ts';
import { agentEnvironment, teamServerFor } from './agent-environment.ts';
import type { ArtifactRecorder } from './artifact-recorder.ts';
import { composePrompt } from './handoff.ts';
import type { PromptMessages } from './prompt-messages.ts';
import type { SessionRecord } from './session-record.ts';

/** The parts of the project that preparing a launch needs. */
export type PreparationProject = Pick<Project, 'agentServer' | 'host' | 'identity' | 'roles'> & {
  readonly files: Pick<SessionFiles, 'environment'>;
  readonly settings: { readonly limits: Pick<Settings['limits'], 'maxSubagents'> };
};

/** Everything that a launch needs before the host: the agent's folders, its prompt, its command line. */
export class LaunchPreparation {
  readonly #project: PreparationProject;
  readonly #record: SessionRecord;
  readonly #artifacts: ArtifactRecorder;
  readonly #messages: PromptMessages;
  /** The latest unfinished preparation of each agent, even if its launch was withdrawn. */
  readonly #going = new Map<AgentId, Promise<unknown>>();
  readonly #roomMade = new Set<AgentId>();

  constructor(
    project: PreparationProject,
    record: SessionRecord,
    artifacts: ArtifactRecorder,
    messages: PromptMessages,
  ) {
    this.#messages = messages;
    this.#project = project;
    this.#record = record;
    this.#artifacts = artifacts;
  }

  /**
   * Preparations of one agent run one after the other, even if withdrawn, because they write the same files.
   * @param before the agent before it was recorded as running
   */
  prepare(agent: Agent, before: Agent, backend: Backend): Promise<PlacedLaunch> {
    const prepared = this.#prepare(agent, before, backend, this.#going.get(agent.id));
    const over = prepared
      .catch(() => 'told by its launch')
      .then(() => {
        if (this.#going.get(agent.id) === over) this.#going.delete(agent.id);
      });
    this.#going.set(agent.id, over);
    return prepared;
  }

  /** Creates the folders of the agent that the plan will probably start next, while earlier ones run. */
  async prepareNext(): Promise<void> {
    const { host } = this.#project;
    const next = this.#record.workflow.agents.find(
      ({ id, state, attempt }) => state === 'pending' && attempt === 0 && !this.#roomMade.has(id),
    );
    if (next === undefined) return;
    this.#roomMade.add(next.id);
    try {
      await this.#record.filesPrepared;
      await host.makeRoom(next);
    } catch {
      // The launch fails for the same reason, and reports it.
    }
  }

  async #prepare(
    agent: Agent,
    before: Agent,
    backend: Backend,
    earlier: Promise<unknown> | undefined,
  ): Promise<PlacedLaunch> {
    const { agentServer, files, host, identity, roles, settings } = this.#project;
    const { workflow } = this.#record;
    const { session } = workflow;
    const locations = host.locations(session, agent);
    const artifacts = this.#artifacts.records;
    const resume = before.state === 'resumable' && before.conversation !== null;
    const instructions = roleBriefing(roleOf(agent.role, roles.predefined()));
    const briefing = backend.briefingInPrompt && before.conversation === null ? instructions : null;
    const { promptEscape, capabilities } = backend;
    const ways = {
      reach: agentServer === null ? null : teamReachOf(capabilities),
      receives: backend.live?.takesTexts === 'at_once',
    };
    const messages = await this.#messages.section(agent, backend, before.conversation === null);
    const prompt = composePrompt({
      ...{ workflow, agent, locations, artifacts, resume, briefing, ways, promptEscape, messages },
    });
    await this.#record.filesPrepared;
    await earlier;
    this.#roomMade.add(agent.id);
    await host.prepare(agent, prompt);
    const inherits = files.environment(session.id).variables;
    const findProgram: ProgramLookup = (name) => host.findProgram(name, inherits);
    const maxSubagents = agent.maxSubagents ?? settings.limits.maxSubagents;
    const token = identity.tokenOf(agent.id, agent.attempt);
    const variables = agentEnvironment(session, agent, locations, token);
    const spec = await backend.prepare({
      ...{ session, agent, briefing: instructions, locations, findProgram, inherits, maxSubagents },
      resume: before.conversation,
      teamServer: backend.capabilities.servesMcp ? teamServerFor(agentServer, variables) : null,
    });
    const env = { ...variables, ...spec.env };
    const first = backend.live === null ? {} : { firstInput: backend.live.text('prompt', prompt) };
    return { ...spec, ...first, env, inherits, cwd: locations.workingDirectory };
  }
}
