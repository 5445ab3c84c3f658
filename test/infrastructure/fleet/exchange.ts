import assert from 'node:assert/strict';
import { mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { BlobName, HostedWork, LackedCode } from '../../../src/application/ports/fleet.ts';
import type { CodeSource, LaunchOrder } from '../../../src/application/ports/hosting.ts';
import type { WorkStart, WorktreePlace } from '../../../src/application/ports/workspaces.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { makePlan } from '../../../src/domain/plan.ts';
import { createWorkflow } from '../../../src/domain/workflow.ts';
import { branchOf, keptRefOf, noSetup, type WorktreeSetup } from '../../../src/domain/worktree.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { makeHomeCode } from '../../../src/infrastructure/fleet/home-code.ts';
import { makeHostedCode } from '../../../src/infrastructure/fleet/hosted-code.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';
import { ScratchRepository } from '../git/scratch-repository.ts';
import { agentRequest, at, planRequest, sessionId } from '../sqlite/samples.ts';

export const project = 'a'.repeat(64);
const never = new AbortController().signal;

/** A repository at home, a host, and blobs between them. */
export class Exchange {
  readonly repository: ScratchRepository;
  readonly fleet = new MemoryFleet();
  readonly home;
  readonly host;
  readonly hostLayout;
  fetched: string[] = [];
  asked: LackedCode[] = [];
  readonly fetchFrom: string[] = [];
  readonly logged: string[] = [];

  constructor(t: TestContext, files?: Readonly<Record<string, string>>) {
    this.repository = new ScratchRepository('repository', files);
    t.after(() => this.repository.remove());
    const { layout, environment, folder, root } = this.repository;
    this.home = makeHomeCode({ project, root: folder, layout, environment });
    this.hostLayout = sessionLayout(join(root, 'host'));
    const log = {
      log: (_: unknown, what: string, more?: object) => this.logged.push(`${what} ${JSON.stringify(more)}`),
    };
    const { fetchFrom } = this;
    this.host = makeHostedCode({ layout: this.hostLayout, environment, log, fetchFrom });
  }

  agent(worktree: Partial<WorktreeSetup> | null = null): Agent {
    const setup = worktree === null ? null : { ...noSetup, ...worktree };
    const request = agentRequest({ name: 'far', workspace: 'worktree', pool: 'gpu', worktree: setup });
    const plan = makePlan(planRequest({ agents: [request] }));
    const made = createWorkflow(plan, { sessionId: sessionId(), suffixes: ['abc123'] }, at).next;
    const agent = made.agents[0] as Agent;
    const { layout } = this.repository;
    for (const all of [layout, this.hostLayout]) {
      mkdirSync(all.agent(agent.sessionId, agent.id), { recursive: true });
    }
    return {
      ...agent,
      attempt: 1,
      state: 'running',
      stage: 'preparing',
      startedAt: new Date().toISOString(),
    };
  }

  async order(agent: Agent, start: WorkStart): Promise<LaunchOrder> {
    const plan = makePlan(planRequest({ agents: [agentRequest({ name: 'far' })] }));
    const { session } = createWorkflow(plan, { sessionId: sessionId(), suffixes: ['abc123'] }, at).next;
    const first = {
      ...session,
      repository: { commit: this.repository.git('rev-parse', 'HEAD'), branch: 'main' },
    };
    const ordered = {
      session: first,
      agent,
      prompt: '',
      briefing: '',
      resume: null,
      maxSubagents: null,
      start,
    };
    const code = await this.home.send(this.fleet, `${project}.${agent.id}.${agent.attempt}`, ordered);
    return { ...ordered, files: null, code };
  }

  get = (blob: BlobName): Promise<Uint8Array> => {
    this.fetched.push(blob.name);
    return this.fleet.get(blob);
  };

  getFile = (blob: BlobName, path: string): Promise<void> => {
    this.fetched.push(blob.name);
    return this.fleet.getFile(blob, path);
  };

  put = (path: string): Promise<BlobName> => this.fleet.putFile('work', path);

  source(agent: Agent): CodeSource {
    return { get: this.get, getFile: this.getFile, ask: (lacks) => this.ask(agent, lacks) };
  }

  ask(agent: Agent, lacks: LackedCode): Promise<BlobName> {
    this.asked.push(lacks);
    const work = {
      branch: this.place(agent).branch,
      base: this.repository.git('rev-parse', 'HEAD'),
      commit: null,
      diff: null,
    };
    return this.home.sendLacked(
      this.fleet,
      `${project}.${agent.id}.${agent.attempt}`,
      { ...agent, work },
      lacks,
    );
  }

  /** The host makes the worktree; the agent works in it. */
  async work(order: LaunchOrder, act: (folder: string) => void = () => {}): Promise<string> {
    const checkout = await this.host.open(order, this.source(order.agent), never);
    assert.ok(checkout);
    act(checkout.folder);
    return checkout.folder;
  }

  async taken(order: LaunchOrder): Promise<HostedWork> {
    const taken = await this.host.take(order, this.put);
    assert.ok(taken);
    return { how: 'taken', ...taken };
  }

  place({ sessionId: id, id: agentId, name }: Agent): WorktreePlace {
    return { repository: this.repository.folder, sessionId: id, agentId, branch: branchOf(id, name) };
  }

  received(agent: Agent, base: string) {
    const ref = keptRefOf(agent.sessionId, agent.name, agent.attempt);
    return this.repository.workspaces.received(this.place(agent), base, ref);
  }

  /** Everything that must not change at home when something is refused. */
  objects(): string {
    return readdirSync(join(this.repository.folder, '.git'), { recursive: true, encoding: 'utf8' })
      .filter((path) => /^(?:objects|refs)/.test(path))
      .sort()
      .join('\n');
  }
}

export const from = (commit: string): WorkStart => ({ commit, merge: null, later: [] });
