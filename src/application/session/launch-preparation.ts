import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import { joinWork } from '../../domain/prove-agent.ts';
import { roleOf } from '../../domain/roles/catalog.ts';
import { roleBriefing } from '../../domain/roles/role.ts';
import { changeStage } from '../../domain/running-agents.ts';
import { agentOf, type Change, type Workflow } from '../../domain/workflow.ts';
import type { LandingCourse } from '../landing/landing-course.ts';
import { teamReachOf } from '../messaging/team-reach.ts';
import type { ProgramLookup } from '../ports/agent-host.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { Settings } from '../ports/settings.ts';
import type { Checkout, WorkStart } from '../ports/workspaces.ts';
import type { Project } from '../project.ts';
import { agentEnvironment, portVariables, teamServerFor, workVariables } from './agent-environment.ts';
import type { PreparedLaunch } from './agent-launch.ts';
import type { AgentWorktrees } from './agent-worktrees.ts';
import type { ArtifactRecorder } from './artifact-recorder.ts';
import type { DecisionQueue } from './decision-queue.ts';
import { composePrompt } from './handoff.ts';
import type { PromptMessages } from './prompt-messages.ts';
import { openingOf } from './prompt-opening.ts';
import type { SessionRecord } from './session-record.ts';

/** The parts of the project that preparing a launch needs. */
export type PreparationProject = Pick<
  Project,
  'agentServer' | 'backends' | 'clock' | 'host' | 'identity' | 'roles'
> & {
  readonly files: Pick<SessionFiles, 'environment'>;
  readonly settings: { readonly limits: Pick<Settings['limits'], 'maxSubagents'> };
};

interface PreparationDeps {
  readonly project: PreparationProject;
  readonly record: SessionRecord;
  readonly artifacts: ArtifactRecorder;
  readonly prompts: PromptMessages;
  readonly decisions: DecisionQueue;
  readonly worktrees: AgentWorktrees;
  /** Null in a session that lands nothing. */
  readonly course: LandingCourse | null;
}

/** Where an agent begins to work. */
interface Begun {
  /** See {@link OpenWorktree}. */
  readonly note: string | null;
  /** Its worktree here. */
  readonly checkout?: Checkout;
  /** Where its worktree on another machine begins. */
  readonly start?: WorkStart;
}

/** Everything that a launch needs before the host: the agent's folders, its prompt, its command line. */
export class LaunchPreparation {
  readonly #project: PreparationProject;
  readonly #record: SessionRecord;
  readonly #artifacts: ArtifactRecorder;
  readonly #messages: PromptMessages;
  /** The latest unfinished preparation of each agent, even if its launch was withdrawn. */
  readonly #going = new Map<AgentId, Promise<unknown>>();
  readonly #roomMade = new Set<AgentId>();

  readonly #decisions: DecisionQueue;
  readonly #worktrees: AgentWorktrees;
  readonly #course: LandingCourse | null;

  constructor(deps: PreparationDeps) {
    this.#project = deps.project;
    this.#record = deps.record;
    this.#artifacts = deps.artifacts;
    this.#messages = deps.prompts;
    this.#decisions = deps.decisions;
    this.#worktrees = deps.worktrees;
    this.#course = deps.course;
  }

  /**
   * Preparations of one agent run one after the other, even if withdrawn, because they write the same files.
   * @param before the agent before it was recorded as running
   * @param signal ends what takes long
   * @returns null if its program has finished and only the proof of its work is missing
   */
  prepare(agent: Agent, before: Agent, signal: AbortSignal): Promise<PreparedLaunch | null> {
    const prepared = this.#prepareOrProve(agent, before, this.#going.get(agent.id), signal);
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

  async #prepareOrProve(
    agent: Agent,
    before: Agent,
    earlier: Promise<unknown> | undefined,
    signal: AbortSignal,
  ): Promise<PreparedLaunch | null> {
    if (agent.proof?.isDue === true) {
      const { clock } = this.#project;
      await this.#store(agent, (workflow) => changeStage(workflow, agent.id, 'verifying', clock.now()));
      return null;
    }
    await Promise.all([earlier, this.#worktrees.idle(agent.id)]);
    const isLanding = this.#course !== null && agent.lands !== null;
    const begun = isLanding
      ? await this.#beginLanding(agent, this.#course)
      : await this.#begin(agent, signal);
    if (begun === null) return null;
    return this.#prepare(agentOf(this.#record.workflow, agent.id), before, begun);
  }

  async #begin(agent: Agent, signal: AbortSignal): Promise<Begun> {
    if (agent.workspace !== 'worktree') return { note: null };
    return agent.pool === null ? this.#worktrees.open(agent, signal) : this.#worktrees.beginAway(agent);
  }

  /** @returns null if there is nothing to do for its program: its work has joined the target as it is */
  async #beginLanding(agent: Agent, course: LandingCourse): Promise<Begun | null> {
    const { id } = agent;
    const start = await course.begin(agent);
    const { events } = start;
    if (start.how === 'mend') {
      await this.#worktrees.record(agent, events, start.work);
      return { checkout: start.checkout, note: start.note };
    }
    await this.#store(agent, (workflow) => {
      const joined = joinWork(workflow, id, start.work, this.#project.clock.now());
      return { next: joined.next, events: [...events, ...joined.events] };
    });
    return null;
  }

  /** Unless the attempt has ended meanwhile. */
  #store(agent: Agent, decide: (workflow: Workflow) => Change): Promise<void> {
    return this.#decisions.stored((workflow) => {
      const { state, attempt } = agentOf(workflow, agent.id);
      return state === 'running' && attempt === agent.attempt ? decide(workflow) : null;
    });
  }

  async #prepare(agent: Agent, before: Agent, begun: Begun): Promise<PreparedLaunch> {
    const { agentServer, backends, files, host, identity, roles, settings } = this.#project;
    const { workflow } = this.#record;
    const { session } = workflow;
    const backend = backends.get(agent.backend);
    const locations = host.locations(session, agent);
    const artifacts = this.#artifacts.records;
    const instructions = roleBriefing(roleOf(agent.role, roles.predefined()));
    const { promptEscape, capabilities } = backend;
    const ways = {
      reach: agentServer === null ? null : teamReachOf(capabilities),
      receives: backend.live?.takesTexts === 'at_once',
    };
    // Whether the machine that takes an agent of a pool has its conversation is known only there.
    const isSure = before.conversation !== null && agent.pool === null;
    const resume = isSure ? before.conversation : null;
    const messages = await this.#messages.section(agent, backend, resume === null);
    const promptAfter = (known: Agent): string => {
      const opening = openingOf(agent, known, begun.note, promptEscape);
      const briefing = backend.briefingInPrompt && known.conversation === null ? instructions : null;
      return composePrompt({
        ...{ workflow, agent, locations, artifacts, opening, briefing, ways, promptEscape, messages },
      });
    };
    const prompt = promptAfter({ ...before, conversation: resume });
    await this.#record.filesPrepared;
    this.#roomMade.add(agent.id);
    await host.prepare(agent, prompt);
    const maxSubagents = agent.maxSubagents ?? settings.limits.maxSubagents;
    if (agent.pool !== null) {
      const { conversation } = before;
      const canResume = conversation !== null && capabilities.resumes;
      return {
        ...{ session, agent, prompt, briefing: instructions, maxSubagents, start: begun.start ?? null },
        resume: canResume ? { conversation, prompt: promptAfter(before) } : null,
      };
    }
    const inherits = files.environment(session.id).variables;
    const findProgram: ProgramLookup = (name) => host.findProgram(name, inherits);
    const token = identity.tokenOf(agent.id, agent.attempt);
    const variables = {
      ...agentEnvironment(session, agent, locations, token),
      ...workVariables(agent),
      ...portVariables(begun.checkout?.ports ?? []),
    };
    const spec = await backend.prepare({
      ...{ session, agent, briefing: instructions, locations, findProgram, inherits, maxSubagents },
      resume,
      teamServer: backend.capabilities.servesMcp ? teamServerFor(agentServer, variables) : null,
    });
    const env = { ...variables, ...spec.env };
    const first = backend.live === null ? {} : { firstInput: backend.live.text('prompt', prompt) };
    return { ...spec, ...first, env, inherits, cwd: locations.workingDirectory };
  }
}
