/** Runs over ACP outlive the process that serves them, whether it is killed or asked to end. */
import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { AgentMessage } from '../../src/presentation/http/acp/message-schemas.ts';
import type { AcpEvent, AgentManifest, Run } from '../../src/presentation/http/acp/schemas.ts';
import { AcpCaller, addressOf } from '../helpers/acp-caller.ts';
import { fakeClaudeBackend, player, type Step, startsOf, success, turn } from '../helpers/fake-claude.ts';
import { Gate } from '../helpers/gate.ts';
import { until } from '../helpers/waiting.ts';
import { MaosFolder } from '../presentation/cli/maos-process.ts';

interface Server extends AcpCaller {
  readonly process: ChildProcess;
}

const goOn = { type: 'message', message: { role: 'user', parts: [] } };
const patience = { timeout: 240_000 };

let maos: MaosFolder;
const started: ChildProcess[] = [];
before(async () => {
  maos = await MaosFolder.make();
  fakeClaudeBackend(join(maos.project, 'bin'));
});
after(async () => {
  for (const child of started) child.kill('SIGKILL');
  await maos.remove();
});

/** Starts `maos serve` as a separate process on its own port. */
async function serve(): Promise<Server> {
  const env = { ...maos.env, MAOS_CLAUDE_PATH: join(maos.project, 'bin', 'fake-claude') };
  const { process } = maos.start(['serve', '--http', '0', '--no-stdio'], { env });
  started.push(process);
  // Attached first, because earlier output would be missed.
  const listening = addressOf(process);
  const { token } = await maos.json<{ token: string }>('token');
  return Object.assign(new AcpCaller(await listening, token), { process });
}

async function end(server: Server, signal: NodeJS.Signals): Promise<void> {
  const exited = once(server.process, 'exit');
  server.process.kill(signal);
  await exited;
}

function asked(name: string, mode: 'async' | 'stream') {
  const parts = [{ content: `play ${name}`, content_type: 'text/plain' }];
  return { agent_name: 'tester', mode, input: [{ role: 'user', parts }] };
}

/** Each step gives up after 30 s. */
function waitsFor(file: string): readonly Step[] {
  return Array.from({ length: 6 }, () => ({ wait: file }));
}
const never = waitsFor('never');

/** A tester that prints two lines, waits at the gate, and prints two more. */
function plays(name: string): Gate {
  const said = [turn(1, `${name}: first.`), turn(1, `${name}: second.`)];
  player(maos.project, name, [
    [...said, ...waitsFor(`${name}.gate`), turn(1, `${name}: third.`), success('Done.')],
  ]);
  return new Gate(maos.project, name);
}

const isPart = ({ type }: AcpEvent): boolean => type === 'message.part';
const textOf = (run: Run) => run.output[0]?.parts.map(({ content, metadata }) => content ?? said(metadata));
const said = (metadata: unknown) => (metadata as { message: string }).message;
const all = (name: string) => [`${name}: first.`, `${name}: second.`, `${name}: third.`, 'Done.'];

describe('kill -9 of the server', () => {
  it('loses no run and runs none twice; what waits goes on waiting; leases run out', patience, async () => {
    const gates = { async: plays('async'), streamed: plays('streamed') };
    player(maos.project, 'awaiting', [
      [turn(1, 'One.'), turn(1, 'Two.'), ...never],
      [turn(1, 'Three.'), success('Done.')],
    ]);
    const first = await serve();
    const made = await first.json<Run>('/runs', asked('async', 'async'));
    const streamed = await first.stream('/runs', asked('streamed', 'stream'));
    await streamed.until(isPart);
    const paused = await first.stream('/runs', asked('awaiting', 'stream'));
    await paused.until(isPart);
    const [session = ''] = (await maos.json<{ sessions: { session_id: string }[] }>('list')).sessions.map(
      (one) => one.session_id,
    );
    await maos.json('pause', session);
    const untilPaused = await paused.rest();
    assert.equal(untilPaused.at(-1)?.type, 'run.awaiting');

    // MAOS itself delivers the messages for an agent with a CLI.
    const message = { session_id: made.run_id, from: 'tester', to: '@outside', type: 'request' };
    const sent = async (body: string) =>
      (await first.json<{ messages: AgentMessage[] }>('/messages', { ...message, body })).messages[0]?.id;
    const kept = [await sent('Acknowledged before.'), await sent('Only leased before.')];
    const lease = { session_id: made.run_id, recipient: '@outside', max: 10 };
    await first.json('/messages/lease', { ...lease, visibility_seconds: 2 });
    await first.json(`/messages/${kept[0]}/ack`, { attempt: 1 });
    await until(() => startsOf(maos.project, 'async').length > 0);

    await end(first, 'SIGKILL');
    const beforeDeath = await streamed.rest();
    // One of them ends while no MAOS process is running.
    gates.async.openNow();

    const second = await serve();
    const leased = await second.json<{ messages: AgentMessage[] }>('/messages/lease', {
      ...lease,
      wait_seconds: 30,
    });
    assert.deepEqual(
      leased.messages.map(({ id, attempt, body }) => [id, attempt, body]),
      [[kept[1], 2, 'Only leased before.']],
    );
    assert.match(leased.messages[0]?.last_trouble ?? '', /^not acknowledged by /);
    const alone = await second.settled(made.run_id);
    assert.deepEqual([alone.status, textOf(alone)], ['completed', all('async')]);
    assert.equal((await second.json<Run>(`/runs/${streamed.runId}`)).status, 'in-progress');
    gates.streamed.openNow();
    const adopted = await second.settled(streamed.runId);
    assert.deepEqual([adopted.status, textOf(adopted)], ['completed', all('streamed')]);
    const events = await second.events(streamed.runId);
    assert.deepEqual(events.slice(0, beforeDeath.length), beforeDeath);
    assert.equal(events.at(-1)?.type, 'run.completed');

    const waiting = await second.json<Run>(`/runs/${paused.runId}`);
    assert.deepEqual([waiting.status, waiting.await_request?.type], ['awaiting', 'message']);
    assert.deepEqual(await second.events(paused.runId), untilPaused);
    const resumed = await second.stream(`/runs/${paused.runId}`, { await_resume: goOn, mode: 'stream' });
    const untilEnd = await resumed.rest();
    assert.equal(untilEnd.at(-1)?.type, 'run.completed');
    assert.deepEqual(await second.events(paused.runId), [...untilPaused, ...untilEnd]);

    assert.deepEqual(startsOf(maos.project, 'async'), [null]);
    assert.deepEqual(startsOf(maos.project, 'streamed'), [null]);
    const [begun, goneOn, ...more] = startsOf(maos.project, 'awaiting');
    assert.deepEqual([begun, typeof goneOn, more], [null, 'string', []]);
    const { status } = await second.json<AgentManifest>('/agents/tester');
    assert.equal(status?.success_rate, 100);
    await end(second, 'SIGTERM');
  });
});

describe('a server that is told to end', () => {
  it('leaves its runs awaiting, and the next one lets them go on', patience, async () => {
    player(maos.project, 'stopped', [
      [turn(1, 'One.'), turn(1, 'Two.'), ...never],
      [turn(1, 'Three.'), success('Done.')],
    ]);
    const first = await serve();
    const run = await first.stream('/runs', asked('stopped', 'stream'));
    await run.until(isPart);
    await end(first, 'SIGTERM');
    const streamed = await run.rest();
    const second = await serve();
    const waiting = await second.settled(run.runId);
    assert.equal(waiting.status, 'awaiting');
    assert.match(waiting.await_request?.message.parts[0]?.content ?? '', /^Paused \(interrupted\)/);
    const events = await second.events(run.runId);
    assert.deepEqual(events.slice(0, streamed.length), streamed);
    const resumed = await second.json<Run>(`/runs/${run.runId}`, { await_resume: goOn });
    assert.equal(resumed.status, 'completed');
    assert.equal(startsOf(maos.project, 'stopped').length, 2);
    await end(second, 'SIGTERM');
  });
});
