import type { Agent } from '../../domain/agent.ts';
import { startCheck } from '../../domain/prove-agent.ts';
import { noProof, type ProofSubject } from '../../domain/verification.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { AgentWork } from '../../domain/worktree.ts';
import type { PlacedLaunch } from '../ports/agent-host.ts';
import type { SessionFiles } from '../ports/session-files.ts';
import type { Project } from '../project.ts';
import { agentEnvironment, checkVariables, portVariables } from './agent-environment.ts';
import type { AgentRun } from './agent-run.ts';
import type { AgentWorktrees } from './agent-worktrees.ts';
import type { DecisionQueue } from './decision-queue.ts';
import type { SessionRecord } from './session-record.ts';

/** The parts of the project that preparing checks needs. */
export type CheckProject = Pick<Project, 'backends' | 'clock' | 'host'> & {
  readonly files: Pick<SessionFiles, 'environment'>;
};

interface CheckDeps {
  readonly project: CheckProject;
  readonly record: SessionRecord;
  readonly decisions: DecisionQueue;
  readonly worktrees: AgentWorktrees;
}

/** Everything that a check needs before the host: what it is about, the record of its start, a folder to run in. */
export class CheckPreparation {
  readonly #deps: CheckDeps;

  constructor(deps: CheckDeps) {
    this.#deps = deps;
  }

  /**
   * Records the check as started, so that the next owner follows it instead of starting another one.
   * @param run the check's, with its number
   */
  async prepare(agent: Agent, command: string, run: AgentRun): Promise<PlacedLaunch> {
    const { project, record, worktrees } = this.#deps;
    const check = run.key.check ?? 0;
    const known = agent.proof?.subject ?? null;
    const { subject, work } = known === null ? await worktrees.take(agent) : { subject: known, work: null };
    await record.filesPrepared;
    const { commit } = subject;
    const checkout = commit === null ? null : await worktrees.checkOut(agent, commit, check);
    await this.#recordStart(agent, command, subject, work, run);
    const { session } = record.workflow;
    const locations = project.host.locations(session, agent);
    const folder = checkout?.folder ?? locations.workingDirectory;
    const { MAOS_AGENT_TOKEN: _, ...variables } = agentEnvironment(session, agent, locations, '');
    const inherits = project.files.environment(session.id).variables;
    const { program, args } = await project.backends.ofCommands.prepare({
      ...{ session, locations, inherits, briefing: '', resume: null },
      agent: { ...agent, command },
      findProgram: (name) => project.host.findProgram(name, inherits),
    });
    const env = {
      ...variables,
      MAOS_PROJECT_ROOT: checkout?.folder ?? locations.projectRoot,
      ...checkVariables(agent, subject, check),
      ...portVariables(checkout?.ports ?? []),
    };
    return { program, args, env, inherits, stdin: 'none', cwd: folder };
  }

  #recordStart(
    agent: Agent,
    command: string,
    subject: ProofSubject,
    work: AgentWork | null,
    run: AgentRun,
  ): Promise<void> {
    const { clock } = this.#deps.project;
    return this.#deps.decisions.stored((workflow) => {
      // Its number was the next one when it was prepared.
      const { checks } = agentOf(workflow, agent.id).proof ?? noProof;
      if (run.isOver || run.isStopping || run.key.check !== checks + 1) return null;
      const taken =
        work === null ? { next: workflow, events: [] } : this.#deps.worktrees.changeOf(workflow, agent, work);
      const started = startCheck(taken.next, agent.id, command, subject, clock.now());
      return { next: started.next, events: [...taken.events, ...started.events] };
    });
  }
}
