import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Lease } from '../src/application/ports/ownership.ts';
import type { SessionStore } from '../src/application/ports/session-store.ts';
import type { SessionId } from '../src/domain/ids.ts';
import { recordProgress, recordSpawn, startAgents } from '../src/domain/running-agents.ts';
import { startSession } from '../src/domain/session-life.ts';
import type { Change, Workflow } from '../src/domain/workflow.ts';
import { ensureProjectFolder, workspaceHash } from '../src/infrastructure/files/home/home.ts';
import { InstanceRegistration } from '../src/infrastructure/instances/instance-registration.ts';
import { openSessionStore } from '../src/infrastructure/sqlite/session-store.ts';
import { agentOf, create, planOf } from './sample-sessions.ts';

const beatMs = 1_000;
/** Events that are committed together when only their number matters. */
const chunk = 500;

interface Place {
  readonly home: string;
  readonly project: string;
}

/**
 * A running session with many agents and events. This process is its owner, as far as others can tell, and records what
 * its agents would do.
 */
export class BusySession {
  readonly id: SessionId;
  readonly #registration: InstanceRegistration;
  readonly #store: SessionStore;
  readonly #lease: Lease;
  readonly #beat: ReturnType<typeof setInterval>;
  #workflow: Workflow;
  #told = 0;

  /** @param events how many to record at once */
  static async start(place: Place, agents: number, events: number): Promise<BusySession> {
    const registration = new InstanceRegistration(place.home, 'bench');
    await registration.announce(place.project);
    return new BusySession(place, registration, agents, events);
  }

  private constructor(place: Place, registration: InstanceRegistration, agents: number, events: number) {
    const hash = workspaceHash(place.project);
    const file = join(ensureProjectFolder(place.home, hash), 'project.db');
    this.#store = openSessionStore({ file, project: { hash, path: place.project } });
    const at = new Date().toISOString();
    const created = create(bigPlan(agents), 0, at);
    const started = startSession(created.next, at);
    const running = startAgents(
      started.next,
      started.next.agents.filter(({ dependsOn }) => dependsOn.length === 0).map(({ id }) => id),
      at,
    );
    const changes: Change[] = [created, started, running];
    for (const { id, state } of running.next.agents) {
      const where = { kind: 'local', label: 'process 1', data: {} };
      if (state === 'running') changes.push(recordSpawn((changes.at(-1) as Change).next, id, where, at));
    }
    const owner = registration.instance;
    this.#registration = registration;
    this.#store.heartbeat(owner, at);
    this.#workflow = (changes.at(-1) as Change).next;
    this.id = this.#workflow.session.id;
    this.#lease = this.#store.create(
      { next: this.#workflow, events: changes.flatMap((change) => change.events) },
      owner,
    );
    this.#beat = setInterval(() => this.#store.heartbeat(owner, new Date().toISOString()), beatMs);
    while (this.lastSeq < events) this.#commit(Math.min(chunk, events - this.lastSeq));
  }

  get lastSeq(): number {
    return this.#store.lastSeq(this.id);
  }

  /** Records events at a steady rate. @returns how many, when told to stop */
  async work(perSecond: number, until: AbortSignal): Promise<number> {
    const began = performance.now();
    let done = 0;
    while (!until.aborted) {
      const due = Math.floor(((performance.now() - began) * perSecond) / 1_000);
      // Several at once only if this process was late.
      if (due > done) this.#commit(due - done);
      done = Math.max(done, due);
      await sleep(10);
    }
    return done;
  }

  close(): void {
    clearInterval(this.#beat);
    this.#store.close();
    this.#registration.close();
  }

  #commit(count: number): void {
    const running = this.#workflow.agents.filter(({ state }) => state === 'running');
    const notes = Array.from({ length: count }, () => {
      this.#told += 1;
      const { id } = running[this.#told % running.length] as Workflow['agents'][number];
      const activity = `Edits src/services/limits/${this.#told}.ts and runs its tests.`;
      const usage = {
        inputTokens: 900 * this.#told,
        outputTokens: 40,
        cacheReadTokens: 0,
        cacheWriteTokens: 0,
      };
      return { id, activity, usage: { ...usage, turns: 1, costUsd: 0.01 }, conversation: null };
    });
    const change = recordProgress(this.#workflow, notes, new Date().toISOString());
    this.#store.commit(this.#lease, this.#workflow, change);
    this.#workflow = change.next;
  }
}

/** Groups of five: one that plans, three that follow it, and one that reviews them. */
function bigPlan(count: number) {
  const agents = Array.from({ length: count }, (_, index) => {
    const group = Math.floor(index / 5);
    const place = index % 5;
    const name = (at: number): string =>
      `group-${group + 1}-${['plan', 'api', 'page', 'tests', 'review'][at]}`;
    const dependsOn = place === 4 ? [1, 2, 3].map(name) : [];
    return agentOf('backend_engineer', `Do part ${place + 1} of the work on service ${group + 1}.`, {
      ...{ name: name(place), dependsOn },
    });
  });
  return planOf('Move every service to the new limits, with tests.', agents, 'parallel');
}
