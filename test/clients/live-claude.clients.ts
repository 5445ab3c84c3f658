import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { lastToolResults, type ModelRequest, type ScriptStep } from '../helpers/scripted-model.ts';
import { type Bench, makeBench, promptOf } from './bench.ts';
import { textOf } from './claude-script.ts';
import { type EventRecord, makeMoment, type Running, readJsonLines } from './workplace.ts';

/*
 * What people and agents send to a Claude Code that works, and what it asks of them, through all of MAOS: each command
 * here is a process of its own.
 */

const task = 'Build the server.';
const until = 'until [ -e go ]; do sleep 0.1; done';
const bash = (command: string): ScriptStep => ({
  toolUse: { name: 'Bash', input: { command, description: 'Work' } },
});

/** Claude Code asks for titles and the like beside its conversation. */
function isWork(request: ModelRequest): boolean {
  return promptOf(request).includes(task);
}

async function sessionOf(bench: Bench): Promise<string> {
  return (await bench.status()).session_id;
}

async function events(bench: Bench): Promise<EventRecord[]> {
  return readJsonLines((await bench.maos('events', 'latest', '--json')).stdout);
}

async function event(bench: Bench, type: string): Promise<EventRecord> {
  for (const since = performance.now(); ; await delay(100)) {
    const found = (await events(bench)).find((one) => one.type === type);
    if (found !== undefined) return found;
    assert.ok(performance.now() - since < 120_000, `no ${type} within two minutes`);
  }
}

/** Comes when a message is in the input of the agent. */
async function onItsWay(bench: Bench): Promise<void> {
  const { folder, agents } = await bench.status();
  const input = join(folder, 'agents', agents[0]?.agent_id ?? '', 'input.1');
  for (const since = performance.now(); !/^1:msg_/m.test(readFileSync(input, 'latin1')); await delay(20))
    assert.ok(performance.now() - since < 60_000, 'the message was not sent within a minute');
}

function runs(bench: Bench): Running {
  return bench.startMaos('run', 'Have a server.', '--agent', `tester=${task}`, '--json');
}

async function kill({ child, ended }: Running): Promise<void> {
  child.kill('SIGKILL');
  await ended;
}

for (const isKilled of [false, true]) {
  const beside = isKilled ? ', though MAOS is killed meanwhile' : '';

  test(`a message reaches a Claude Code in the middle of its turn, once${beside}`, async (t) => {
    const working = makeMoment('the first request');
    const requests: ModelRequest[] = [];
    function respond(request: ModelRequest): ScriptStep {
      if (!isWork(request)) return { text: 'ok' };
      requests.push(request);
      if (requests.length > 1) return { text: 'It listens on port 81.' };
      working.arrive();
      return bash(until);
    }
    const settings = { backends: { claude: { allowedTools: ['Bash'] } } };
    const bench = await makeBench(t, { respond, settings });
    let run = runs(bench);
    await working.came;
    await event(bench, 'agent.spawned');
    const session = await sessionOf(bench);
    const sent = await bench.maos('message', 'send', session, 'tester', 'Use port 81.');
    assert.equal(sent.status, 0, `${sent.stdout}\n${sent.stderr}`);
    await onItsWay(bench);
    if (isKilled) {
      await kill(run);
      run = bench.startMaos('wait', session, '--json');
      await event(bench, 'session.taken_over');
    }
    const go = await bench.start('touch', ['go']).ended;
    assert.equal(go.status, 0);
    await run.ended;
    await event(bench, 'session.completed');
    const status = await bench.status();
    assert.deepEqual(
      [status.state, status.agents[0]?.attempt, status.agents[0]?.result],
      ['completed', 1, 'It listens on port 81.'],
    );
    assert.equal(requests.length, 2, 'the message began no turn of its own');
    const told = JSON.stringify(requests[1]?.messages).split('Use port 81.').length - 1;
    assert.equal(told, 1, 'the next request holds it, once');
    const { length } = (await events(bench)).filter(({ type }) => type === 'message.delivered');
    assert.equal(length, 1);
    await bench.nothingLeft();
  });

  test(`a permission is asked, answered from another terminal, and the tool runs${beside}`, async (t) => {
    const results: string[] = [];
    function respond(request: ModelRequest): ScriptStep {
      if (!isWork(request)) return { text: 'ok' };
      const [result] = lastToolResults(request);
      if (result !== undefined) results.push(textOf(result));
      const first = results.length === 0 ? bash('git init refused') : bash('git init made');
      return results.length < 2 ? first : { text: 'Done.' };
    }
    const bench = await makeBench(t, { respond });
    let run = runs(bench);
    const request = async (nth: number): Promise<string> => {
      for (const since = performance.now(); ; await delay(100)) {
        const opened = (await events(bench)).filter(({ type }) => type === 'request.opened');
        const id = opened[nth]?.data.id;
        if (typeof id === 'string') return id;
        assert.ok(performance.now() - since < 120_000, 'nothing was asked within two minutes');
      }
    };
    const first = await request(0);
    if (isKilled) {
      await kill(run);
      run = bench.startMaos('wait', await sessionOf(bench), '--json');
    }
    const denied = await bench.maos('deny', first, '--message', 'Use another name.');
    assert.equal(denied.status, 0, `${denied.stdout}\n${denied.stderr}`);
    const allowed = await bench.maos('approve', await request(1));
    assert.equal(allowed.status, 0, `${allowed.stdout}\n${allowed.stderr}`);
    await run.ended;
    await event(bench, 'session.completed');
    assert.match(results[0] ?? '', /Use another name\./);
    assert.deepEqual(
      ['refused', 'made'].map((name) => existsSync(join(bench.project, name))),
      [false, true],
    );
    const asked = (await events(bench)).filter(({ type }) => type === 'request.opened');
    assert.equal(asked.length, 2);
    await bench.nothingLeft();
  });
}

test('a permission that nobody answers is denied, and said', async (t) => {
  const results: string[] = [];
  function respond(request: ModelRequest): ScriptStep {
    if (!isWork(request)) return { text: 'ok' };
    const [result] = lastToolResults(request);
    if (result === undefined) return bash('git init made');
    results.push(textOf(result));
    return { text: 'I could not.' };
  }
  const bench = await makeBench(t, { respond, settings: { approvals: { expireMinutes: 0 } } });
  const run = await runs(bench).ended;
  assert.equal(run.status, 0, run.stderr);
  assert.match(results[0] ?? '', /Nobody answered in time/);
  assert.ok(!existsSync(join(bench.project, 'made')));
  const types = readJsonLines(run.stdout).map(({ type }) => type);
  assert.ok(types.includes('request.expired'), types.join(' '));
});
