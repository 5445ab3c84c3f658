import type { Agent } from '../../domain/agent.ts';
import type { AgentId } from '../../domain/ids.ts';
import { reportCheck, restartLanding, skipCheck, startFixRound } from '../../domain/prove-agent.ts';
import {
  type FailedCheck,
  fixRoundsOf,
  nextStep,
  noProof,
  type ProofStep,
} from '../../domain/verification.ts';
import { agentOf } from '../../domain/workflow.ts';
import type { Project } from '../project.ts';
import { type AgentLauncher, isBetweenRuns } from './agent-launcher.ts';
import type { RunEnd } from './agent-run.ts';
import type { AgentRuns } from './agent-runs.ts';
import { type CheckEvidence, checkEndOf, readEvidence, verificationFailure } from './check-run.ts';
import { type Ending, laterEnding } from './ending.ts';
import type { LandingMoves } from './landing-moves.ts';
import type { SessionRecord } from './session-record.ts';
import type { WakeSignal } from './wake-signal.ts';

export interface ProverDeps {
  readonly project: Pick<Project, 'clock' | 'host' | 'log'>;
  readonly record: SessionRecord;
  readonly runs: AgentRuns;
  readonly launcher: AgentLauncher;
  readonly wakeSignal: WakeSignal;
  readonly landing: LandingMoves;
}

interface Found {
  readonly id: AgentId;
  readonly evidence: CheckEvidence | null;
}

/**
 * Decides what follows when an agent's program has finished and its work must be proven: the next check, a fix round,
 * or its end. Every decision follows from the record alone, so that the next owner continues at the same step.
 */
export class WorkProver {
  readonly #deps: ProverDeps;
  /** Checks whose output is being read. */
  readonly #reading = new Map<AgentId, AbortController>();
  /** Agents that have been handed over to be settled. */
  readonly #ending = new Set<AgentId>();
  #found: Found[] = [];

  constructor(deps: ProverDeps) {
    this.#deps = deps;
  }

  forget(id: AgentId): void {
    this.#ending.delete(id);
  }

  stop(): void {
    for (const reading of this.#reading.values()) reading.abort();
  }

  /** Takes the end of a check. @returns the agent's end, if it is that too */
  ended(told: RunEnd): Ending | null {
    const { record, runs } = this.#deps;
    const { id } = told.run.agent;
    const agent = agentOf(record.workflow, id);
    runs.remove(id);
    const followed = checkEndOf(told, agent.result);
    if (followed.how === 'stopped') return this.#end(laterEnding(agent, followed.outcome, told));
    if (agent.stage !== 'verifying') {
      const reason = 'Its check was interrupted.';
      return this.#end(laterEnding(agent, { state: 'resumable', reason }, told));
    }
    if (followed.how === 'again') record.decide(skipCheck(record.workflow, id));
    else this.#read(agent, told, followed.reason);
    return null;
  }

  /** Continues the proof of every agent as far as possible. @returns the agents that end */
  async step(): Promise<readonly Ending[]> {
    const { record, runs } = this.#deps;
    this.#recordFound();
    const endings: Ending[] = [];
    for (const { id } of record.running) {
      const agent = agentOf(record.workflow, id);
      if (!isBetweenRuns(agent) || runs.all.has(id) || this.#ending.has(id)) continue;
      const cause = runs.lateStop(id);
      const isReading = this.#reading.has(id);
      if (isReading && cause?.kind !== 'cancelled') continue;
      const ending = isReading ? cancelled(agent, cause?.kind === 'cancelled' ? cause.reason : '') : null;
      const next = ending ?? (await this.#continue(agent));
      if (next !== null) endings.push(this.#end(next));
    }
    return endings;
  }

  async #continue(agent: Agent): Promise<Ending | null> {
    const { launcher, record, project } = this.#deps;
    const proof = agent.proof ?? noProof;
    const next = nextStep(proof, agent.verify, fixRoundsOf(agent));
    if (agent.stage === 'collecting' && !isVerdict(next)) {
      return laterEnding(agent, { state: 'resumable', reason: 'The proof of its work was interrupted.' });
    }
    switch (next.step) {
      case 'follow':
        launcher.followCheck(agent, next.check);
        return null;
      case 'check':
        launcher.check(agent, next.check, next.command);
        return null;
      case 'fix':
        await record.commit(
          startFixRound(record.workflow, agent.id, fixRoundsOf(agent), project.clock.now()),
        );
        launcher.launch(agent);
        return null;
      case 'fail':
        return this.#failed(agent, next.failed);
      case 'proven':
        if (agent.lands === null)
          return laterEnding(agent, { state: 'completed', result: agent.result ?? '' });
        if (proof.subject !== null) return this.#land(agent);
        launcher.check(agent, proof.checks + 1, null);
        return null;
    }
  }

  async #land(agent: Agent): Promise<Ending | null> {
    const { landing, launcher, record, project, runs } = this.#deps;
    const cause = runs.lateStop(agent.id);
    if (cause?.kind === 'cancelled' && !landing.isMoving(agent.id)) return cancelled(agent, cause.reason);
    const moved = landing.take(agent);
    if (moved === null) return null;
    if (moved.how === 'again' && agent.stage === 'collecting') {
      return laterEnding(agent, { state: 'resumable', reason: moved.reason });
    }
    if (moved.how === 'again') {
      const at = project.clock.now();
      await record.commit(restartLanding(record.workflow, agent.id, moved.reason, at));
      launcher.launch(agent);
      return null;
    }
    if (moved.how === 'failed') {
      return laterEnding(agent, { state: 'failed', failure: moved.failure, result: agent.result });
    }
    record.decide({ next: record.workflow, events: moved.events });
    return laterEnding(agent, { state: 'completed', result: moved.result });
  }

  #failed(agent: Agent, failed: FailedCheck): Ending {
    const place = this.#deps.project.host.checkLocation(agent, failed.report.check);
    const failure = verificationFailure(failed, place);
    return laterEnding(agent, { state: 'failed', failure, result: agent.result });
  }

  #end(ending: Ending): Ending {
    const { id } = ending.agent;
    this.#reading.get(id)?.abort();
    this.#reading.delete(id);
    this.#ending.add(id);
    return ending;
  }

  #read(agent: Agent, told: RunEnd, reason: string | null): void {
    const { project, record, wakeSignal } = this.#deps;
    const { id } = agent;
    const proof = { ...(agent.proof ?? noProof), runningSince: null };
    const step = nextStep(proof, agent.verify, 0);
    const command = step.step === 'check' ? step.command : '';
    const reading = new AbortController();
    this.#reading.set(id, reading);
    void readEvidence(project.host, agent, command, told, reason, reading.signal)
      .catch((error: unknown) => {
        const session = record.workflow.session.id;
        project.log.log('error', 'the output of a check could not be read', { session, agent: id, error });
        return null;
      })
      .then((evidence) => {
        if (this.#reading.get(id) !== reading) return;
        this.#found.push({ id, evidence });
        wakeSignal.notify();
      });
  }

  #recordFound(): void {
    const { record, project } = this.#deps;
    const found = this.#found;
    this.#found = [];
    for (const { id, evidence } of found) {
      if (!this.#reading.delete(id)) continue;
      const at = project.clock.now();
      const { workflow } = record;
      // Without its output there is no evidence: it runs again.
      record.decide(
        evidence === null
          ? skipCheck(workflow, id)
          : reportCheck(workflow, id, evidence.report, evidence.outputTail, at),
      );
    }
  }
}

function isVerdict({ step }: ProofStep): boolean {
  return step === 'proven' || step === 'fail';
}

function cancelled(agent: Agent, reason: string): Ending {
  return laterEnding(agent, { state: 'cancelled', reason });
}
