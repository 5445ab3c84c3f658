import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { suite, test } from 'node:test';
import { listAgentProcesses } from '../../../../src/infrastructure/process/tree/agent-list.ts';
import { makeProcessTable, readWithPs } from '../../../../src/infrastructure/process/tree/process-table.ts';
import { sampleAgent, sampleKey } from '../sample-agent.ts';
import { makeBench, program, rareSeconds, statesOf } from '../test-bench.ts';

async function listed(agentId: string, watchMs = 0) {
  return (await listAgentProcesses({ watchMs })).find((agent) => agent.agentId === agentId);
}

suite('the list of agents', { concurrency: true }, () => {
  test('tells of each what its processes are and use', async (t) => {
    const bench = await makeBench(t);
    const before = Date.now();
    const running = await bench.start('sh', ['-c', 'echo ready; sleep "$1"; :', 'sh', rareSeconds()]);
    await bench.output.heard('ready');
    const agent = await listed(bench.agent.id);
    assert.ok(agent !== undefined);
    assert.equal(agent.pid, running.location.data.pid);
    assert.equal(agent.state, 'running');
    assert.ok(agent.processes === 2 || agent.processes === 1, `${agent.processes}`);
    assert.ok(agent.memoryBytes > 100_000 && agent.memoryBytes < 100e6, `${agent.memoryBytes} bytes`);
    const startedMs = Date.parse(agent.startedAt);
    assert.ok(startedMs > before - 1_500 && startedMs < Date.now() + 1_500, agent.startedAt);
    assert.equal(agent.cpuPercent, null);

    await running.suspend();
    assert.equal((await listed(bench.agent.id))?.state, 'suspended');
    await running.resume();
    assert.equal((await listed(bench.agent.id))?.state, 'running');
    await running.stop(1_000);
    await running.ended;
    assert.equal(await listed(bench.agent.id), undefined);
  });

  test('says how busy they are, when it may watch', async (t) => {
    const bench = await makeBench(t);
    const spin = 'console.log("ready"); for (;;);';
    await bench.start(process.execPath, ['-e', spin]);
    await bench.output.heard('ready');
    const agent = await listed(bench.agent.id, 400);
    assert.ok(
      agent?.cpuPercent != null && agent.cpuPercent > 0 && agent.cpuPercent < 150,
      `${agent?.cpuPercent} %`,
    );
  });

  test('counts a team inside an agent for itself', async (t) => {
    const bench = await makeBench(t);
    const inner = 'agent_tester_2_inner1';
    const seconds = rareSeconds();
    const script = 'MAOS_AGENT_ID="$2" sleep "$1" & echo ready; sleep "$1"; :';
    await bench.start('sh', ['-c', script, 'sh', seconds, inner]);
    await bench.output.heard('ready');
    while ([...statesOf(seconds)].length < 3);
    assert.equal((await listed(inner))?.processes, 1);
    assert.equal((await listed(bench.agent.id))?.processes, 2);
  });

  test('by ps, as on other systems', async (t) => {
    const bench = await makeBench(t);
    const running = await bench.start('sh', ['-c', 'echo ready; sleep "$1"; :', 'sh', rareSeconds()]);
    await bench.output.heard('ready');
    const table = makeProcessTable(readWithPs);
    const agents = await listAgentProcesses({ table });
    const agent = agents.find(({ agentId }) => agentId === bench.agent.id);
    assert.ok(agent !== undefined);
    assert.deepEqual([agent.pid, agent.state], [running.location.data.pid, 'running']);
    assert.ok(agent.memoryBytes > 100_000);
  });
});

test('an agent whose MAOS was killed is listed, also when only strays of it are left', async (t) => {
  const bench = await makeBench(t, { identity: { agent: sampleAgent, key: sampleKey } });
  const seconds = rareSeconds();
  const command = ['sh', '-c', 'sleep "$1"; :', 'sh', seconds];
  const starter = spawn(process.execPath, [program('start-agent.ts'), bench.folder, ...command], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  t.after(() => starter.kill('SIGKILL'));
  const said = createInterface(starter.stdout)[Symbol.asyncIterator]();
  await said.next();
  const wrapper = Number((await said.next()).value);
  const exited = once(starter, 'exit');
  starter.kill('SIGKILL');
  await exited;
  const agent = await listed(bench.agent.id);
  assert.deepEqual([agent?.pid, agent?.state], [wrapper, 'running']);

  process.kill(wrapper, 'SIGKILL');
  while ((await listed(bench.agent.id))?.pid === wrapper);
  assert.equal((await listed(bench.agent.id))?.state, 'left_behind');
  assert.equal((await (await bench.attach()).ended).how, 'lost');
  assert.equal(await listed(bench.agent.id), undefined);
});
