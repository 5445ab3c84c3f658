import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import type { Agent } from '../../../src/domain/agent.ts';
import { identify, sight } from '../../../src/infrastructure/process/tree/identity.ts';
import {
  type AgentSlot,
  type InstanceInfo,
  type InstanceRegistry,
  openInstanceRegistry,
} from '../../../src/infrastructure/sqlite/instance-registry.ts';
import { runStoreProcess } from './child.ts';
import { agentRequest, at, created, instanceId, later, tempFolder } from './samples.ts';

function tempRegistry(t: TestContext): InstanceRegistry & { file: string } {
  const file = join(tempFolder(t), 'home', 'instances.db');
  const registry = openInstanceRegistry({ file });
  t.after(() => registry.close());
  return Object.assign(registry, { file });
}

function instance(overrides: Partial<InstanceInfo> = {}): InstanceInfo {
  return {
    id: instanceId(),
    pid: 4242,
    startTime: '123456',
    bootId: 'boot-1',
    place: 'host 1',
    version: '0.1.0',
    port: null,
    workspace: '/home/someone/project',
    startedAt: at,
    ...overrides,
  };
}

function agents(count: number): readonly Agent[] {
  return created({ strategy: 'parallel', agents: Array.from({ length: count }, () => agentRequest()) }).next
    .agents;
}

const everybodyLives = () => true;

describe('the register of instances', () => {
  it('lists who registered, with their last heartbeat, until they are removed', (t) => {
    const registry = tempRegistry(t);
    assert.equal((statSync(registry.file).mode & 0o777).toString(8), '600');
    const [a, b] = [instance(), instance({ port: 8_080, pid: 1, startTime: 'opaque' })];
    registry.register(a);
    registry.register(b);
    registry.heartbeat(b.id, later);
    assert.deepEqual(registry.list(), [
      { ...a, heartbeatAt: at },
      { ...b, heartbeatAt: later },
    ]);
    registry.register({ ...a, port: 9_090 });
    registry.remove(b.id);
    registry.heartbeat(b.id, later);
    assert.deepEqual(registry.list(), [{ ...a, port: 9_090, heartbeatAt: at }]);
  });
});

describe('slots', () => {
  it('are as many as the limit says, over all instances', (t) => {
    const registry = tempRegistry(t);
    const [mine, yours] = [instanceId(), instanceId()].map((id) =>
      registry.slots({ instance: id, isHolderAlive: everybodyLives }),
    );
    const [a, b, c] = agents(3);
    if (!mine || !yours || !a || !b || !c) throw new Error('two instances, three agents');
    assert.equal(mine.tryTake(a.id, a.sessionId, 2), true);
    assert.equal(yours.tryTake(b.id, b.sessionId, 2), true);
    assert.equal(mine.tryTake(c.id, c.sessionId, 2), false);
    assert.equal(mine.tryTake(a.id, a.sessionId, 2), true, 'one already held');
    assert.equal(mine.tryTake(c.id, c.sessionId, 0), false);
    mine.give(b.id);
    assert.equal(mine.tryTake(c.id, c.sessionId, 2), false, "nobody gives away another's slot");
    yours.give(b.id);
    assert.equal(mine.tryTake(c.id, c.sessionId, 2), true);
  });

  it('pass with the agent to the instance that adopts it', (t) => {
    const registry = tempRegistry(t);
    const [first, second] = [instanceId(), instanceId()].map((id) =>
      registry.slots({ instance: id, isHolderAlive: everybodyLives }),
    );
    const [a, b] = agents(2);
    if (!first || !second || !a || !b) throw new Error('two instances, two agents');
    first.tryTake(a.id, a.sessionId, 1);
    assert.equal(second.tryTake(a.id, a.sessionId, 1), true);
    first.give(a.id);
    assert.equal(first.tryTake(b.id, b.sessionId, 1), false, 'the slot is not its own any more');
    second.give(a.id);
    assert.equal(first.tryTake(b.id, b.sessionId, 1), true);
  });

  it('come back from the dead: asked only at the limit, of others only, MAOS and agent both', async (t) => {
    const registry = tempRegistry(t);
    const agentProcess = spawn(process.execPath, ['-e', 'setInterval(() => {}, 1e6)'], { stdio: 'ignore' });
    t.after(() => agentProcess.kill('SIGKILL'));
    await once(agentProcess, 'spawn');
    const identity = await identify(agentProcess.pid as number);
    if (identity === null) throw new Error('the process lives');
    const dead = instance();
    registry.register(dead);
    const asked: AgentSlot[] = [];
    const mine = instanceId();
    const slots = registry.slots({
      instance: mine,
      reclaimEveryMs: 0,
      isHolderAlive: async (slot) => {
        asked.push(slot);
        return slot.process !== null && (await sight(slot.process)) === 'alive';
      },
    });
    const theirs = registry.slots({ instance: dead.id, isHolderAlive: everybodyLives });
    const [own, outlived, gone, waiting] = agents(4);
    if (!own || !outlived || !gone || !waiting) throw new Error('four agents');
    slots.tryTake(own.id, own.sessionId, 3);
    theirs.tryTake(outlived.id, outlived.sessionId, 3);
    theirs.bind(outlived.id, identity);
    theirs.tryTake(gone.id, gone.sessionId, 3);
    registry.remove(dead.id);
    assert.equal(asked.length, 0);
    assert.equal(await slots.reclaim(), 1, 'the agent that outlived its MAOS keeps its slot');
    assert.deepEqual(new Set(asked.map(({ agentId }) => agentId)), new Set([outlived.id, gone.id]));
    const shown = asked.filter(({ agentId }) => agentId === outlived.id);
    assert.deepEqual(
      shown.map((slot) => ({ ...slot, takenAt: null })),
      [
        {
          agentId: outlived.id,
          sessionId: outlived.sessionId,
          instanceId: dead.id,
          instance: null,
          takenAt: null,
          process: identity,
        },
      ],
    );
    assert.equal(slots.tryTake(waiting.id, waiting.sessionId, 3), true);
    agentProcess.kill('SIGKILL');
    await once(agentProcess, 'exit');
    const [late] = agents(1);
    if (!late) throw new Error('one agent');
    assert.equal(slots.tryTake(late.id, late.sessionId, 3), false, 'this try starts the search');
    while (!slots.tryTake(late.id, late.sessionId, 3)) await new Promise((resolve) => setImmediate(resolve));
  });

  it('are not freed when they changed hands while their holder was looked for', async (t) => {
    const registry = tempRegistry(t);
    const [a, b] = agents(2);
    if (!a || !b) throw new Error('two agents');
    const newOwner = registry.slots({ instance: instanceId(), isHolderAlive: everybodyLives });
    const seeker = registry.slots({
      instance: instanceId(),
      isHolderAlive: () => {
        newOwner.tryTake(a.id, a.sessionId, 1);
        return false;
      },
    });
    registry.slots({ instance: instanceId(), isHolderAlive: everybodyLives }).tryTake(a.id, a.sessionId, 1);
    assert.equal(await seeker.reclaim(), 0);
    assert.equal(seeker.tryTake(b.id, b.sessionId, 1), false);
  });

  it('are not freed when their agent got a process while their holder was looked for', async (t) => {
    const registry = tempRegistry(t);
    const [a] = agents(1);
    if (!a) throw new Error('one agent');
    const holder = registry.slots({ instance: instanceId(), isHolderAlive: everybodyLives });
    holder.tryTake(a.id, a.sessionId, 1);
    let bound = false;
    const seeker = registry.slots({
      instance: instanceId(),
      isHolderAlive: () => {
        if (!bound) holder.bind(a.id, { pid: 77, startTime: '5', bootId: 'boot-1', place: 'host 1' });
        bound = true;
        return false;
      },
    });
    assert.equal(await seeker.reclaim(), 0);
    assert.equal(await seeker.reclaim(), 1, 'nothing changed this time');
  });

  it('tell at the next try what went wrong in the search', async (t) => {
    const registry = tempRegistry(t);
    const [a, b] = agents(2);
    if (!a || !b) throw new Error('two agents');
    registry.slots({ instance: instanceId(), isHolderAlive: everybodyLives }).tryTake(a.id, a.sessionId, 1);
    const slots = registry.slots({
      instance: instanceId(),
      isHolderAlive: () => Promise.reject(new Error('no /proc')),
    });
    assert.equal(slots.tryTake(b.id, b.sessionId, 1), false);
    await new Promise((resolve) => setImmediate(resolve));
    assert.throws(() => slots.tryTake(b.id, b.sessionId, 1), /no \/proc/);
    assert.equal(slots.tryTake(b.id, b.sessionId, 1), false);
  });

  it('hold their limit against several processes at once', async (t) => {
    const registry = tempRegistry(t);
    const takers = [1, 2, 3].map(() => runStoreProcess(t, 'takeSlots', [registry.file, '30']));
    await Promise.all(takers.map((taker) => taker.next()));
    for (const taker of takers) taker.process.stdin?.write('go\n');
    const taken = await Promise.all(takers.map(async (taker) => Number((await taker.finish())[0])));
    assert.equal(
      taken.reduce((sum, count) => sum + count),
      30,
      taken.join(' + '),
    );
  });
});
