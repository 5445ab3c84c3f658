import type { Agent } from '../../domain/agent.ts';
import { recordSubject, reportCheck, startCheck } from '../../domain/prove-agent.ts';
import { noProof, type ProofSubject } from '../../domain/verification.ts';
import { agentOf, type Change, type Workflow } from '../../domain/workflow.ts';
import type { AgentWork } from '../../domain/worktree.ts';
import type { LandingCourse } from '../landing/landing-course.ts';
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
  /** Null in a session that lands nothing. */
  readonly course: LandingCourse | null;
}

/** What is to be checked, or why it cannot be. */
interface Taken {
  readonly subject: ProofSubject;
  readonly work: AgentWork | null;
  readonly refusal: string | null;
}

/** Stands for the command of a check that only looks at the merge. */
const mergeCheck = '(the merge is finished)';

/** Everything that a check needs before the host: what it is about, the record of its start, a folder to run in. */
export class CheckPreparation {
  readonly #deps: CheckDeps;

  constructor(deps: CheckDeps) {
    this.#deps = deps;
  }

  /**
   * Records the check as started, so that the next owner follows it instead of starting another one.
   * @param command null: nothing is run, only what is to be proven is recorded
   * @param run the check's, with its number
   * @param signal ends what takes long
   * @returns null if there is nothing to run
   */
  async prepare(
    agent: Agent,
    command: string | null,
    run: AgentRun,
    signal: AbortSignal,
  ): Promise<PlacedLaunch | null> {
    const { project, record, worktrees } = this.#deps;
    const check = run.key.check ?? 0;
    const known = agent.proof?.subject ?? null;
    const taken =
      known === null ? await this.#take(agent, signal) : { subject: known, work: null, refusal: null };
    const { subject, work } = taken;
    if (command === null || taken.refusal !== null) {
      await this.#recordTaken(agent, taken, run);
      return null;
    }
    await record.filesPrepared;
    const { commit } = subject;
    // Another owner's check may be running there.
    if (!run.isOwned()) return null;
    await project.host.clearCheck(agent, check);
    const checkout = commit === null ? null : await worktrees.checkOut(agent, commit, check, signal);
    await this.#recordStart(agent, command, subject, work, run);
    const { session } = record.workflow;
    // Checks run at home, wherever the agent has worked.
    const locations = project.host.locations(session, { ...agent, pool: null });
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

  async #take(agent: Agent, signal: AbortSignal): Promise<Taken> {
    const { worktrees, course } = this.#deps;
    const { subject, work } = await worktrees.take(agent, signal);
    if (subject.commit === null) return { subject, work, refusal: null };
    if (course === null || agent.lands === null) {
      return { subject, work, refusal: await worktrees.problemOf(agent, subject.commit) };
    }
    const accepted = await course.accept(agent, subject.commit);
    if (accepted.how === 'refused') return { subject, work, refusal: accepted.reason };
    return {
      subject: { ...subject, commit: accepted.work.commit },
      work: accepted.work,
      refusal: null,
    };
  }

  /** A refusal counts as a failed check. */
  #recordTaken(agent: Agent, { subject, work, refusal }: Taken, run: AgentRun): Promise<void> {
    const { worktrees, decisions, project } = this.#deps;
    return decisions.stored((workflow) => {
      if (run.isOver || run.isStopping) return null;
      const { id } = agent;
      const at = project.clock.now();
      const placed = work === null ? unchanged(workflow) : worktrees.changeOf(workflow, agent, work);
      if (refusal === null) {
        const { next } = recordSubject(placed.next, id, subject);
        return { next, events: placed.events };
      }
      const started = startCheck(placed.next, id, mergeCheck, subject, at);
      const report = {
        ...{ check: run.key.check ?? 0, command: mergeCheck, ...subject, reason: refusal },
        ...{ exitCode: null, signal: null, startedAt: at, endedAt: at, logSha256: '', logBytes: 0 },
      };
      const failed = reportCheck(started.next, id, report, refusal, at);
      return { next: failed.next, events: [...placed.events, ...started.events, ...failed.events] };
    });
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
        work === null ? unchanged(workflow) : this.#deps.worktrees.changeOf(workflow, agent, work);
      const started = startCheck(taken.next, agent.id, command, subject, clock.now());
      return { next: started.next, events: [...taken.events, ...started.events] };
    });
  }
}

function unchanged(workflow: Workflow): Change {
  return { next: workflow, events: [] };
}
