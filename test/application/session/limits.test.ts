import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { agentProcesses } from '../../helpers/agent-processes.ts';
import { Gate } from '../../helpers/gate.ts';
import { otherMaos } from '../../helpers/other-maos.ts';
import {
  eventOf,
  lacksProcesses,
  type Outcome,
  outcome,
  type RealProject,
  realProject,
  settled,
  shell,
  start,
} from '../../helpers/real-project.ts';
import { giveTimeTo } from '../../helpers/waiting.ts';

const machine = (limit: number) => ({
  settings: { maxConcurrentAgents: { machine: limit, session: null, role: null } },
});

/** Maximum number of agents that ran at the same time, by the order of events. */
function mostAtOnce({ events }: Outcome, counts: (name: string) => boolean = () => true): number {
  let running = 0;
  let most = 0;
  for (const { type, data } of events) {
    if (!('name' in data) || data.name === null || !counts(data.name)) continue;
    if (type === 'agent.started') running += 1;
    if (type === 'agent.completed') running -= 1;
    most = Math.max(most, running);
  }
  return most;
}

function startsOf({ events }: Outcome): readonly string[] {
  return events.flatMap((event) => (event.type === 'agent.started' ? [event.data.name] : []));
}

/** Agents that end when the gate opens. */
function gated(real: RealProject, names: readonly string[], role = 'tester') {
  const gate = new Gate(real.root, names.join('-'));
  return { gate, agents: names.map((name) => shell(name, gate.wait, { role })) };
}

describe('a limit of the session', () => {
  it('lets agents wait in order, says so once, and drops none', async (t) => {
    const real = realProject(t);
    const { gate, agents } = gated(real, ['a', 'b', 'c', 'd', 'e']);
    const id = await start(real, agents, { max_concurrency: 2 });
    await eventOf(real, id, 'agent.spawned', 'b');
    assert.deepEqual(startsOf(outcome(real, id)), ['a', 'b']);
    gate.openNow();
    const ended = await settled(real, id);
    assert.equal(ended.state, 'completed');
    assert.deepEqual(startsOf(ended), ['a', 'b', 'c', 'd', 'e']);
    assert.equal(mostAtOnce(ended), 2);
    assert.deepEqual(
      ended.of('agent.waiting').map(({ data }) => data),
      ['c', 'd', 'e'].map((name) => ({ name, cause: 'session_limit', limit: 2 })),
    );
  });

  it('may come from the settings, and the request is stronger', async (t) => {
    const settings = { maxConcurrentAgents: { machine: 50, session: 1, role: null } };
    const real = realProject(t, { settings });
    const { gate, agents } = gated(real, ['a', 'b', 'c']);
    gate.openNow();
    assert.equal(mostAtOnce(await settled(real, await start(real, agents))), 1);
    const pair = [new Gate(real.root, 'left'), new Gate(real.root, 'right')] as const;
    const meeting = [
      shell('x', `${pair[0].open}; ${pair[1].wait}`),
      shell('y', `${pair[1].open}; ${pair[0].wait}`),
    ];
    assert.equal(
      (await settled(real, await start(real, meeting, { max_concurrency: 2 }))).state,
      'completed',
    );
  });
});

describe('a limit of the role', () => {
  it('holds back only agents of that role', async (t) => {
    const real = realProject(t);
    const testers = gated(real, ['t1', 't2', 't3']);
    const writers = gated(real, ['w1', 'w2'], 'documenter');
    const id = await start(real, [...testers.agents, ...writers.agents], { max_agents_per_role: 1 });
    await eventOf(real, id, 'agent.spawned', 'w1');
    assert.deepEqual(startsOf(outcome(real, id)), ['t1', 'w1']);
    testers.gate.openNow();
    await eventOf(real, id, 'agent.completed', 't3');
    assert.deepEqual(startsOf(outcome(real, id)), ['t1', 'w1', 't2', 't3']);
    writers.gate.openNow();
    const ended = await settled(real, id);
    assert.equal(ended.state, 'completed');
    assert.equal(
      mostAtOnce(ended, (name) => name.startsWith('t')),
      1,
    );
    assert.deepEqual(ended.of('agent.waiting', 'w2')[0]?.data, { name: 'w2', cause: 'role_limit', limit: 1 });
  });
});

describe('the limit of the machine', () => {
  it('counts the agents of all MAOS processes together', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t, machine(2));
    const other = await otherMaos(t, real, machine(2));
    const theirs = gated(real, ['theirs']);
    const ours = gated(real, ['a', 'b', 'c']);
    const their = await other.start({ objective: 'Theirs.', agents: theirs.agents });
    await other.event(({ type }) => type === 'agent.spawned');
    const id = await start(real, ours.agents);
    const waiting = await eventOf(real, id, 'agent.waiting', 'b');
    assert.deepEqual(waiting.data, { name: 'b', cause: 'machine_limit', limit: 2 });
    await eventOf(real, id, 'agent.spawned', 'a');
    // After two more tries, nothing has changed: there is a slot for only one of ours.
    await giveTimeTo('start one more', 600);
    assert.deepEqual(startsOf(outcome(real, id)), ['a']);
    theirs.gate.openNow();
    await eventOf(real, id, 'agent.spawned', 'b');
    ours.gate.openNow();
    const ended = await settled(real, id);
    assert.equal(ended.state, 'completed');
    assert.deepEqual(startsOf(ended), ['a', 'b', 'c']);
    assert.equal(mostAtOnce(ended), 2);
    assert.equal((await settled(real, their)).state, 'completed');
  });

  it('is not used up by a MAOS that was killed, once its agents are gone', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const real = realProject(t, machine(1));
    const other = await otherMaos(t, real, machine(1));
    const theirs = gated(real, ['theirs']);
    const their = await other.start({ objective: 'Theirs.', agents: theirs.agents });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    const ours = gated(real, ['ours']);
    ours.gate.openNow();
    const id = await start(real, ours.agents);
    await eventOf(real, id, 'agent.waiting', 'ours');
    // The agent outlives its MAOS, and so does its slot.
    await giveTimeTo('start one more', 600);
    assert.deepEqual(startsOf(outcome(real, id)), []);
    const agent = real.project.store.load(their).agents[0]?.id ?? '';
    assert.notDeepEqual(agentProcesses([agent]), []);
    theirs.gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
  });

  async function adopted(t: TestContext) {
    const real = realProject(t, machine(1));
    const other = await otherMaos(t, real, machine(1));
    const { gate, agents } = gated(real, ['theirs']);
    const id = await other.start({ objective: 'Theirs.', agents });
    await other.event(({ type }) => type === 'agent.spawned');
    await other.kill();
    assert.equal(await real.supervisor.takeOver(id, real.project.store.ownerOf(id)), true);
    return { real, gate, id };
  }

  it('counts agents that were adopted', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const { real, gate, id } = await adopted(t);
    const ours = await start(real, [shell('ours', 'true')]);
    await eventOf(real, ours, 'agent.waiting', 'ours');
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    assert.equal((await settled(real, ours)).state, 'completed');
  });

  it('has the place of an adopted agent free as soon as that has ended', async (t) => {
    if (lacksProcesses(t, 'kills a maos or its agents from outside')) return;
    const { real, gate, id } = await adopted(t);
    gate.openNow();
    assert.equal((await settled(real, id)).state, 'completed');
    const later = await settled(real, await start(real, [shell('later', 'true')]));
    assert.deepEqual(later.of('agent.waiting'), []);
  });
});
