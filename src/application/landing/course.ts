import type { Agent } from '../../domain/agent.ts';
import { agentEvent, type DomainEvent } from '../../domain/events.ts';
import type { Landing, Session } from '../../domain/session.ts';
import { agentOf } from '../../domain/workflow.ts';
import { type AgentWork, branchOf } from '../../domain/worktree.ts';
import { type CommitAgent, commitText } from '../commit-text.ts';
import type { Clock } from '../ports/clock.ts';
import type { SessionReader } from '../ports/session-reader.ts';
import type { Checkout, CommitText, Joined, Workspaces } from '../ports/workspaces.ts';
import type { LandingCommit, LandingCourse, LandingEnd, LandingStart } from './landing-course.ts';
import { LandingTarget } from './landing-target.ts';
import { conflictNote, failedCheckNote, unfinishedNote } from './mending-note.ts';

/** The parts of the project that landing needs. */
export interface CourseProject {
  readonly path: string;
  readonly clock: Pick<Clock, 'now'>;
  readonly store: Pick<SessionReader, 'load' | 'landingsOf' | 'events'>;
  readonly workspaces: Workspaces;
}

/** What an attempt of a landing agent starts from. */
interface Situation {
  /** The agent of the ended session. */
  readonly owner: Agent;
  /** The commit with its work: its last one, or the one in which it was fixed. */
  readonly source: string;
  /** The commit that the work lands on. */
  readonly tip: string;
}

/** @param session a landing session */
export function makeLandingCourse(project: CourseProject, session: Session, landing: Landing): LandingCourse {
  return new GitLandingCourse(project, session, landing);
}

class GitLandingCourse implements LandingCourse {
  readonly #project: CourseProject;
  readonly #session: Session;
  readonly #landing: Landing;
  readonly #repository: string;
  readonly #target: LandingTarget;

  constructor(project: CourseProject, session: Session, landing: Landing) {
    this.#project = project;
    this.#session = session;
    this.#landing = landing;
    this.#repository = session.folder ?? project.path;
    this.#target = new LandingTarget(project.workspaces, this.#repository, landing);
  }

  async begin(agent: Agent): Promise<LandingStart> {
    const situation = await this.#situationOf(agent);
    const { owner, source, tip } = situation;
    const joined = await this.#join(agent, tip, source);
    if (joined.how === 'conflict') return this.#mendConflict(agent, situation, joined.conflict.paths);
    const { commit } = joined;
    const base: AgentWork = { branch: this.#branchOf(owner), base: tip, commit: null, diff: null };
    const failed = agent.proof?.failed ?? null;
    const isMended = source !== owner.work?.commit;
    const problem = isMended ? await this.#problemOf(owner, tip, commit) : null;
    if (problem === null && failed === null) {
      return { how: 'clean', work: await this.#toLand(agent, base, commit), events: [] };
    }
    const note =
      problem === null
        ? failedCheckNote(this.#landing.target, tip)
        : unfinishedNote(this.#landing.target, problem);
    const checkout = await this.#openMerged(agent, situation, []);
    return { how: 'mend', work: base, checkout, note, events: [] };
  }

  async accept(agent: Agent, commit: string): Promise<LandingCommit> {
    const owner = this.#ownerOf(agent);
    const { work } = agent;
    if (work === null) throw new Error(`landing agent ${agent.id} has no work`);
    const problem = await this.#problemOf(owner, work.base, commit);
    if (problem !== null) return { how: 'refused', reason: problem };
    return { how: 'accepted', work: await this.#toLand(agent, work, commit) };
  }

  async move(agent: Agent): Promise<LandingEnd> {
    const { name, work } = agent;
    if (work === null || work.commit === null) throw new Error(`landing agent ${agent.id} has no commit`);
    const { target, squash } = this.#landing;
    const { base, commit } = work;
    const placed = await this.#target.place(base, commit);
    const told = <T extends 'landing.moved' | 'landing.waiting'>(
      type: T,
      data: Parameters<typeof agentEvent<T>>[3],
    ): readonly DomainEvent[] => [agentEvent(type, agent, this.#project.clock.now(), data)];
    switch (placed.how) {
      case 'again':
        return placed;
      case 'moved': {
        const events = told('landing.moved', { name, target, from: base, to: commit, squash });
        return { how: 'landed', result: `Landed on ${target} at ${commit}.`, events };
      }
      case 'waiting': {
        const { branch, reason, command } = placed;
        const events = told('landing.waiting', { name, branch, reason, command });
        return { how: 'landed', result: `Waits on ${branch} at ${commit}: ${reason} ${command}`, events };
      }
    }
  }

  async #mendConflict(
    agent: Agent,
    { owner, source, tip }: Situation,
    paths: readonly string[],
  ): Promise<LandingStart> {
    const { clock } = this.#project;
    const { target } = this.#landing;
    const between = this.#landedNames(agent);
    const checkout = await this.#openMerged(agent, { owner, source, tip }, paths);
    const [own, others] = await Promise.all([
      this.#statText(owner.work?.base ?? source, source),
      this.#statText(this.#session.repository?.commit ?? source, tip),
    ]);
    const event = { name: agent.name, target, tip, paths, between };
    return {
      how: 'mend',
      work: { branch: this.#branchOf(owner), base: tip, commit: null, diff: null },
      checkout,
      note: conflictNote({ target, tip, paths, between, own, others }),
      events: [agentEvent('landing.conflict', agent, clock.now(), event)],
    };
  }

  /** Opens the owner's worktree with both sides in it: with a merge in progress, unless one contains the other. */
  async #openMerged(
    agent: Agent,
    { owner, source, tip }: Situation,
    paths: readonly string[],
  ): Promise<Checkout> {
    const { workspaces } = this.#project;
    const { sessionId, id: agentId } = owner;
    const place = { repository: this.#repository, sessionId, agentId, branch: this.#branchOf(owner) };
    const contained = await workspaces.isAncestor(this.#repository, tip, source);
    const merge = contained ? [] : [{ ours: source, theirs: tip, paths }];
    return workspaces.open(place, source, agent.worktree, ...merge);
  }

  /** Why the commit cannot be checked and landed; null if it can. */
  async #problemOf(owner: Agent, tip: string, commit: string): Promise<string | null> {
    const { workspaces } = this.#project;
    const work = owner.work?.commit ?? null;
    if (work !== null && !(await workspaces.isAncestor(this.#repository, work, commit))) {
      return `The commit ${commit} does not contain the work of '${owner.name}' (${work}).`;
    }
    // A merge with markers left is not concluded.
    const marked = await workspaces.conflictMarkers(this.#repository, tip, commit);
    if (marked.length > 0) return `Conflict markers are left in ${marked.slice(0, 5).join(', ')}.`;
    return (await workspaces.isAncestor(this.#repository, tip, commit))
      ? null
      : `The merge was not finished: ${commit} does not contain ${tip}.`;
  }

  async #situationOf(agent: Agent): Promise<Situation> {
    const owner = this.#ownerOf(agent);
    const { workspaces } = this.#project;
    const own = owner.work?.commit ?? null;
    const [now, tip] = await Promise.all([
      workspaces.resolve(this.#repository, this.#branchOf(owner)),
      this.#target.tip(),
    ]);
    const source = await this.#sourceOf(own, now);
    if (source === null) throw new Error(`agent ${owner.id} has no commit`);
    return { owner, source, tip };
  }

  /** The branch is ahead of the agent's last commit if an earlier landing has fixed the work. */
  async #sourceOf(own: string | null, branch: string | null): Promise<string | null> {
    if (own === null || branch === null || own === branch) return own ?? branch;
    const isMended = await this.#project.workspaces.isAncestor(this.#repository, own, branch);
    return isMended ? branch : own;
  }

  async #toLand(
    agent: Agent,
    { branch, base }: AgentWork,
    merged: string,
  ): Promise<AgentWork & { readonly commit: string }> {
    const { workspaces } = this.#project;
    const commit = this.#landing.squash ? await this.#squash(agent, base, merged) : merged;
    return { branch, base, commit, diff: await workspaces.stat(this.#repository, base, commit) };
  }

  async #squash(agent: Agent, onto: string, commit: string): Promise<string> {
    const subject = this.#subjectOf(agent);
    const text = commitText(this.#commitAgent(agent), { subject, body: agent.task }, this.#at(agent));
    const squashed = await this.#project.workspaces.squash(this.#repository, onto, commit, text);
    if (squashed.how === 'clean') return squashed.commit;
    // The commit contains what it lands on, so nothing can conflict.
    throw new Error(`${commit} cannot be squashed onto ${onto}`);
  }

  #join(agent: Agent, tip: string, source: string): Promise<Joined> {
    const subject = this.#subjectOf(agent);
    const text = (): CommitText => {
      const body = `Lands ${this.#landing.sessionId} onto ${this.#landing.target}.`;
      return { ...commitText(this.#commitAgent(agent), { subject, body }, this.#at(agent)), author: null };
    };
    return this.#project.workspaces.join(this.#repository, [tip, source], text);
  }

  /** Names of the agents whose work has landed on the target since the session began. */
  #landedNames(agent: Agent): readonly string[] {
    const { store } = this.#project;
    const ids = [...new Set([this.#session.id, ...store.landingsOf(this.#landing.sessionId)])];
    const moved = ids.flatMap((id) => store.events(id, 0, maxMoves, ['landing.moved', 'landing.waiting']));
    return [
      ...new Set(
        moved.flatMap(({ agentId, data }) => (agentId === agent.id ? [] : [String(data['name' as never])])),
      ),
    ];
  }

  async #statText(base: string, commit: string): Promise<string> {
    return this.#project.workspaces.diff(this.#repository, base, commit, { colour: false, stat: true });
  }

  #ownerOf({ id, lands }: Agent): Agent {
    if (lands === null) throw new Error(`agent ${id} lands nothing`);
    return agentOf(this.#project.store.load(lands.sessionId), lands.agentId);
  }

  #branchOf(owner: Agent): string {
    return owner.work?.branch ?? branchOf(owner.sessionId, owner.name);
  }

  #commitAgent({ name, lands, id, sessionId }: Agent): CommitAgent {
    return { name, ...(lands ?? { sessionId, agentId: id }) };
  }

  #subjectOf({ name }: Agent): string {
    return `maos: ${name}`;
  }

  /** The same time for every repetition of an attempt, so that its commits are the same. */
  #at(agent: Agent): string {
    return agent.startedAt ?? this.#session.createdAt;
  }
}

const maxMoves = 1_000;
