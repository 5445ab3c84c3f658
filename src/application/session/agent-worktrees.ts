import type { Agent } from '../../domain/agent.ts';
import { MaosError } from '../../domain/errors.ts';
import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import type { AgentId } from '../../domain/ids.ts';
import { recordCommit, recordWorktree } from '../../domain/prove-agent.ts';
import type { ProofSubject } from '../../domain/verification.ts';
import { agentOf, type Change, type Workflow } from '../../domain/workflow.ts';
import { type AgentWork, branchOf, keptRefOf } from '../../domain/worktree.ts';
import { commitText } from '../commit-text.ts';
import type {
  Checkout,
  CommitText,
  MergeConflict,
  Snapshot,
  WorkStart,
  WorktreePlace,
} from '../ports/workspaces.ts';
import type { Project } from '../project.ts';
import type { DecisionQueue } from './decision-queue.ts';
import type { SessionRecord } from './session-record.ts';
import { conflictError, conflictNote, joinWork, unfinishedMerge, type WorkBase } from './work-base.ts';

/** The parts of the project that worktrees need. */
export type WorktreesProject = Pick<Project, 'clock' | 'path' | 'workspaces'>;

/** An agent's worktree, ready for its program. */
export interface OpenWorktree {
  readonly checkout: Checkout;
  /** What the agent must know before its task, in words of MAOS and of others; null: nothing. */
  readonly note: string | null;
}

/** Where an agent's worktree on another machine begins, and `note` as for {@link OpenWorktree}. */
interface WorkAway {
  readonly start: WorkStart;
  readonly note: string | null;
}

/** Opens the worktrees of one session's agents, and takes their work from them. Called beside the loop. */
export class AgentWorktrees {
  readonly #project: WorktreesProject;
  readonly #record: SessionRecord;
  readonly #decisions: DecisionQueue;
  /** What an attempt has left to be done with its work. */
  readonly #endings = new Map<AgentId, Promise<unknown>>();

  constructor(project: WorktreesProject, record: SessionRecord, decisions: DecisionQueue) {
    this.#project = project;
    this.#record = record;
    this.#decisions = decisions;
  }

  /** The folder of the user's repository. */
  get repository(): string {
    return this.#record.workflow.session.folder ?? this.#project.path;
  }

  /**
   * Opens the agent's worktree, and records it before the agent can write there.
   * @throws MaosError if the work that it begins with conflicts and it is no merger
   */
  async open(agent: Agent, signal: AbortSignal): Promise<OpenWorktree> {
    const { workspaces } = this.#project;
    const place = this.placeOf(agent);
    const open = (base: string, conflict?: MergeConflict): Promise<Checkout> =>
      workspaces.open(place, base, agent.worktree, conflict, signal);
    if (agent.work !== null) return { checkout: await open(agent.work.base), note: null };
    const { base, conflict } = await this.#joined(agent);
    const checkout = await open(base, conflict?.merge);
    await this.record(agent, [], { branch: place.branch, base, commit: null, diff: null });
    return { checkout, note: conflict === null ? null : conflictNote(conflict) };
  }

  /**
   * Records where the worktree of an agent of a pool begins, which is made on another machine.
   * @throws as {@link AgentWorktrees.open} does
   */
  async beginAway(agent: Agent): Promise<WorkAway> {
    const { work, role } = agent;
    if (work !== null && role.name !== 'merger') {
      return { start: { commit: work.commit ?? work.base, merge: null, later: [] }, note: null };
    }
    const { base, conflict } = await this.#joined(agent);
    if (work === null) {
      const { branch } = this.placeOf(agent);
      await this.#project.workspaces.moveBranch(this.repository, branch, null, base);
      await this.record(agent, [], { branch, base, commit: null, diff: null });
    }
    if (conflict === null) return { start: { commit: base, merge: null, later: [] }, note: null };
    const { merge, remaining } = conflict;
    return { start: { commit: base, merge, later: remaining }, note: conflictNote(conflict) };
  }

  /** @throws MaosError if the work that the agent begins with conflicts and it is no merger */
  async #joined(agent: Agent): Promise<WorkBase> {
    const { clock, workspaces } = this.#project;
    const start = await joinWork(workspaces, this.repository, this.#record.workflow, agent);
    const { conflict } = start;
    if (conflict === null) return start;
    const data = { name: agent.name, paths: conflict.merge.paths, between: conflict.between };
    await this.record(agent, [agentEvent('workspace.conflict', agent, clock.now(), data)]);
    if (agent.role.name !== 'merger') throw conflictError(conflict);
    return start;
  }

  /** Stores what was found out about the agent's work. Settles when it is stored; never if the agent has ended. */
  async record(agent: Agent, events: readonly DomainEvent[], work: AgentWork | null = null): Promise<void> {
    await this.#decisions.stored((workflow) => {
      const { state, attempt } = agentOf(workflow, agent.id);
      if (state !== 'running' || attempt !== agent.attempt) return null;
      const change = work === null ? { next: workflow, events: [] } : this.changeOf(workflow, agent, work);
      return { next: change.next, events: [...events, ...change.events] };
    });
  }

  /** The change that records the agent's branch, base and commit. */
  changeOf(workflow: Workflow, { id }: Agent, { commit, diff, ...place }: AgentWork): Change {
    const at = this.#project.clock.now();
    const placed = recordWorktree(workflow, id, place, at);
    if (commit === null || diff === null) return placed;
    const committed = recordCommit(placed.next, id, { commit, diff }, at);
    return { next: committed.next, events: [...placed.events, ...committed.events] };
  }

  /**
   * Commits everything in the agent's worktree, or takes what has come from its host. Null: it has none, or the signal
   * aborts first.
   */
  async keep(agent: Agent, signal?: AbortSignal): Promise<Snapshot | null> {
    const { work, sessionId, name, attempt, pool } = agent;
    if (work === null) return null;
    const ref = keptRefOf(sessionId, name, attempt);
    const text = this.#textOf(agent, `maos: ${name}`);
    const { workspaces } = this.#project;
    if (pool !== null) {
      return this.#ending(agent, workspaces.received(this.placeOf(agent), work.base, ref));
    }
    return this.#ending(agent, workspaces.snapshot(this.placeOf(agent), work.base, ref, text, signal));
  }

  /**
   * Settles when nothing is done any more with the work of the agent's earlier attempts: after a cancel, nobody may have
   * waited for it.
   */
  async idle(id: AgentId): Promise<void> {
    await this.#endings.get(id);
  }

  #ending<T>({ id }: Agent, work: Promise<T>): Promise<T> {
    const over = Promise.allSettled([this.#endings.get(id), work]).then(() => {
      if (this.#endings.get(id) === over) this.#endings.delete(id);
    });
    this.#endings.set(id, over);
    return work;
  }

  /** Takes the work that is to be proven: everything in the worktree, with protected files as they were. */
  async take(
    agent: Agent,
    signal: AbortSignal,
  ): Promise<{ readonly subject: ProofSubject; readonly work: AgentWork | null }> {
    const { work, verify } = agent;
    if (work === null) return { subject: { commit: null, restored: [] }, work: null };
    const { workspaces } = this.#project;
    const snapshot = await this.keep(agent, signal);
    if (snapshot === null && agent.pool !== null)
      throw new MaosError('INTERNAL', `The work of ${agent.name} has not come from its host.`);
    const commit = snapshot?.commit ?? work.commit ?? work.base;
    const globs = verify?.protect ?? [];
    if (globs.length === 0) {
      const diff = snapshot?.diff ?? (await workspaces.stat(this.repository, work.base, commit));
      return { subject: { commit, restored: [] }, work: { ...work, commit, diff } };
    }
    const text = this.#textOf(agent, `maos: ${agent.name}: protected files as they were`);
    const safe = await workspaces.protect(this.placeOf(agent), commit, work.base, globs, text);
    const diff = await workspaces.stat(this.repository, work.base, safe.commit);
    return { subject: safe, work: { ...work, commit: safe.commit, diff } };
  }

  /** Why the commit does not finish the merge that the agent was to make; null if it does, or had none to make. */
  async problemOf(agent: Agent, commit: string): Promise<string | null> {
    return unfinishedMerge(this.#project.workspaces, this.repository, this.#record.workflow, agent, commit);
  }

  /** A clean checkout of the commit to check. */
  checkOut(agent: Agent, commit: string, check: number, signal: AbortSignal): Promise<Checkout> {
    const { worktree, verify } = agent;
    const place = this.#ownPlace(agent);
    return this.#project.workspaces.checkOut(place, commit, check, worktree, verify?.protect, signal);
  }

  /** Removes the checkouts of the agent's checks. */
  async discardCheckouts(agent: Agent): Promise<void> {
    if (agent.work === null) return;
    await this.#ending(agent, this.#project.workspaces.discardCheckouts(this.#ownPlace(agent)));
  }

  #ownPlace(agent: Agent): WorktreePlace {
    return { ...this.placeOf(agent), sessionId: agent.sessionId, agentId: agent.id };
  }

  /** The agent's own place; that of the owner of the work if it lands work. */
  placeOf(agent: Agent): WorktreePlace {
    const { lands, sessionId, id, name, work } = agent;
    return {
      repository: this.repository,
      ...(lands ?? { sessionId, agentId: id }),
      branch: work?.branch ?? branchOf(sessionId, name),
    };
  }

  /** The time of an attempt's start is recorded, so that the same commit made again has the same id. */
  #textOf({ sessionId, id, name, startedAt }: Agent, subject: string): CommitText {
    const at = startedAt ?? this.#record.workflow.session.createdAt;
    return commitText({ sessionId, agentId: id, name }, { subject }, at);
  }
}
