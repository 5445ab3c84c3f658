import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { AgentWork } from '../../domain/worktree.ts';
import type { Project } from '../project.ts';
import type { AgentWorktrees } from './agent-worktrees.ts';
import type { Ending } from './ending.ts';
import type { SessionRecord } from './session-record.ts';
import { unlessAborted } from './unless-aborted.ts';
import type { WakeSignal } from './wake-signal.ts';

interface KeeperDeps {
  readonly project: Pick<Project, 'clock' | 'log'>;
  readonly record: SessionRecord;
  readonly worktrees: AgentWorktrees;
  readonly wakeSignal: WakeSignal;
}

/** An ending agent whose work is kept. */
export interface Kept {
  readonly ending: Ending;
  /** Null: nothing new. */
  readonly work: AgentWork | null;
}

/** When somebody waits, the work of an agent may stay uncommitted in its worktree, which remains. */
const hurryMs = 100;

/** Commits what ending agents left in their worktrees, beside the loop. */
export class WorkKeeper {
  readonly #deps: KeeperDeps;
  readonly #going = new Map<AgentId, AbortController>();
  #kept: Kept[] = [];

  constructor(deps: KeeperDeps) {
    this.#deps = deps;
  }

  add(ending: Ending): void {
    const { record, wakeSignal } = this.#deps;
    const agent = agentOf(record.workflow, ending.agent.id);
    // What was proven is committed already.
    if (agent.work === null || agent.proof?.isDue === true) {
      this.#kept.push({ ending, work: null });
      void this.#discard(agent);
      return;
    }
    const going = new AbortController();
    this.#going.set(agent.id, going);
    if (ending.isHurried) this.#hurry(going);
    void this.#keep(ending, going.signal).then((kept) => {
      this.#going.delete(agent.id);
      this.#kept.push(kept);
      wakeSignal.notify();
    });
  }

  /** Agents whose work is kept since the last call. */
  take(): readonly Kept[] {
    const kept = this.#kept;
    this.#kept = [];
    return kept;
  }

  /** Somebody waits. Safe to repeat. */
  hurry(): void {
    for (const going of this.#going.values()) this.#hurry(going);
  }

  stop(): void {
    for (const going of this.#going.values()) going.abort();
  }

  async #discard(agent: Agent): Promise<void> {
    try {
      await this.#deps.worktrees.discardCheckouts(agent);
    } catch (error) {
      // They go with the session.
      this.#deps.project.log.log('warn', 'checkouts of checks not removed', { agent: agent.id, error });
    }
  }

  #hurry(going: AbortController): void {
    this.#deps.project.clock.after(hurryMs, () => going.abort());
  }

  async #keep(ending: Ending, signal: AbortSignal): Promise<Kept> {
    const { record, worktrees, project } = this.#deps;
    const agent = agentOf(record.workflow, ending.agent.id);
    try {
      const snapshot = await unlessAborted(worktrees.keep(agent, signal), signal, null);
      if (snapshot === null || agent.work === null) return { ending, work: null };
      const { commit, diff, unkept } = snapshot;
      if (unkept.length > 0) {
        const message = 'some of an agent’s work cannot be committed; it stays in its worktree';
        project.log.log('warn', message, { agent: agent.id, paths: unkept });
      }
      const work = { ...agent.work, commit, diff };
      const problem = await unlessAborted(worktrees.problemOf(agent, commit), signal, null);
      return { ending: problem === null ? ending : notCompleted(ending, problem), work };
    } catch (error) {
      project.log.log('error', 'the work of an agent could not be committed', { agent: agent.id, error });
      if (signal.aborted) return { ending, work: null };
      const said = error instanceof Error ? error.message : String(error);
      const message = `Its work could not be committed, and stays in its worktree: ${said}`;
      return { ending: notCompleted(ending, message), work: null };
    }
  }
}

/** What nobody can take over does not count as completed. */
function notCompleted(ending: Ending, message: string): Ending {
  return {
    ...ending,
    report: (stderrTail) => {
      const report = ending.report(stderrTail);
      if (report.outcome.state !== 'completed') return report;
      const failure = { kind: 'verification_failed' as const, message, stderrTail };
      return { ...report, outcome: { state: 'failed', failure, result: report.outcome.result } };
    },
  };
}
