import assert from 'node:assert/strict';
import { once } from 'node:events';
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { player, refusal, type Step, startsOf, success, turn } from '../helpers/fake-claude.ts';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

describe('an agent on another machine', { timeout: 300_000 }, () => {
  it('is stalled when it does nothing there, and not while it works', async (t) => {
    const machines = await Machines.start(t);
    const limits = { stallMinutes: 0.1 };
    machines.configure('home', { remote: { url: machines.server.url }, limits });
    await machines.startHost('--slots', '2');
    const working = `while [ ! -e ${machines.folder}/go ]; do i=0; while [ $i -lt 30000 ]; do i=$((i+1)); done; sleep 0.2; done`;
    const id = await machines.begin([
      command('idle', 'exec sleep 300', { pool: 'gpu', timeout_minutes: 60 }),
      command('busy', working, { pool: 'gpu', timeout_minutes: 60 }),
    ]);
    const agents = async () => (await machines.status(id)).agents;
    await until(async () => (await agents())[0].state === 'failed', 'the stall');
    const [idle, busy] = await agents();
    assert.equal(idle.failure.kind, 'stalled');
    assert.match(idle.failure.message, /printed nothing and used no CPU .*limits\.stallMinutes/);
    assert.equal(busy.state, 'running');
    writeFileSync(join(machines.folder, 'go'), '');
    await until(async () => (await agents())[1].state === 'completed', 'the end of the other');
  });

  it('is held to its limits by its host while both are cut off from each other', async (t) => {
    const machines = await Machines.start(t);
    machines.playClaude();
    await machines.startHost('--slots', '3');
    const go = join(machines.folder, 'go');
    const pidFile = (name: string) => join(machines.folder, `${name}.pid`);
    const wait = `echo $$ > ${pidFile('slow')}; exec sleep 300`;
    const eat = `const { existsSync, writeFileSync } = require('node:fs');
      writeFileSync('${pidFile('large')}', String(process.pid));
      let held; setInterval(() => { if (existsSync('${go}')) held ??= Buffer.alloc(2 ** 28, 1); }, 50);`;
    const play = [{ make: 'spender.up' }, { wait: go }, { wait: go }, turn(5_000), { hear: 'never' }];
    const id = await machines.begin([
      command('slow', wait, { pool: 'gpu', timeout_minutes: 0.1 }),
      {
        ...command('large', '', { pool: 'gpu', max_memory_mb: 128 }),
        command: [process.execPath, '-e', eat],
      },
      player(machines.folder, 'spender', [play], { pool: 'gpu', budget: { max_tokens: 1_000 } }),
    ]);
    const began = ['slow.pid', 'large.pid', 'spender.up'].map((name) => join(machines.folder, name));
    await until(
      () => began.every((file) => existsSync(file)),
      () => `the start: ${machines.hostOutput}`,
    );
    await machines.server.kill();
    writeFileSync(go, '');
    const pids = ['slow', 'large'].map((name) => Number(readFileSync(pidFile(name), 'utf8')));
    await until(() => !pids.some(isAlive), 'the ends there');
    await until(
      () => machines.limited().length === 3,
      () => JSON.stringify(machines.limited()),
    );
    await machines.server.run();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    const { agents } = await machines.status(id);
    const failures = agents.map(({ failure }: { failure: { kind: string } }) => failure.kind);
    assert.deepEqual(failures, ['timeout', 'memory_limit', 'budget_exceeded'], JSON.stringify(agents));
    assert.match(
      agents[1].failure.message,
      /^Its process used \d+.* MiB of memory, more than its limit of 128 MiB/,
    );
    assert.match(agents[2].failure.message, /^Its budget is used up: .*5,?000/);
  });

  it('asks, and hears the answer although home, host and server were killed meanwhile', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; answer=$(${machines.own} ask 'Which port?' --choice 8080); echo "got $answer, $?"`;
    const owner = machines.spawn('home', 'run', machines.plan([command('asker', line, { pool: 'gpu' })]));
    const asked = async (...more: readonly string[]) => (await machines.json('requests', ...more)).requests;
    await until(
      async () => (await asked()).length === 1,
      () => `the question: ${machines.hostOutput}`,
    );
    const [request] = await asked();
    assert.deepEqual([request.agent, request.action, request.choices], ['asker', 'Which port?', ['8080']]);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await machines.killHost();
    await machines.server.kill();
    await machines.server.run();
    await machines.startHost();
    await machines.maos('home', 'answer', request.request_id, '8080');
    const id = request.session_id;
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    assert.equal(await machines.log(id, 'asker'), 'got 8080, 0\n');
    assert.equal((await asked(id, '--closed')).length, 1);
    assert.equal(machines.launches(), 1);
  });

  it('writes to its team and reads what that writes, each message once', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const { own } = machines;
    const there = `${own} message send here - <<'EOF' && ${own} message read --wait 80 --ack
ping with 'quotes'
EOF`;
    const here = `${own} message read --wait 80 --ack && ${own} message send there pong`;
    const id = await machines.begin([command('here', here), command('there', there, { pool: 'gpu' })]);
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    assert.match(await machines.log(id, 'here'), /ping with 'quotes'/);
    assert.match(await machines.log(id, 'there'), /pong/);
    const { messages } = await machines.json('message', 'list', id);
    assert.equal(messages.length, 2, JSON.stringify(messages));
  });

  it('speaks for nobody else, and what is no call of its team is not run at home', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const { own } = machines;
    const forge = `for name in run config; do printf '{"id":"%s","ask":{"type":"command","args":["%s"],"stdin":"","folder":""}}' 01K0ABCDEFGHJKMNPQRSTVWX$(printf %s $name | wc -c)Y $name > "$MAOS_AGENT_CALLS/01K0ABCDEFGHJKMNPQRSTVWX$(printf %s $name | wc -c)Y.call"; done; until [ $(ls "$MAOS_AGENT_CALLS" | grep -c answer) = 2 ]; do sleep 0.1; done; cat "$MAOS_AGENT_CALLS"/*.answer`;
    const line = `env | grep -c TOKEN; ${own} message send nobody hi; echo "exit $?"; ${forge}`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    const log = await machines.log(id, 'far');
    assert.match(log, /^0\nexit 3\n/);
    assert.match(log, /The home of this agent does not run 'maos run' for it.*'maos config'/);
    const errors = await machines.maos('home', 'logs', id, 'far', '--raw', '--stream', 'stderr');
    assert.match(errors.stdout, /nobody/);
  });

  it('of Claude Code calls its tools, takes messages while it works, and asks for permissions', async (t) => {
    const machines = await Machines.start(t);
    machines.playClaude();
    await machines.startHost();
    const file = (name: string) => join(machines.folder, name);
    const call = (tool: string, args: object = {}): Step => ({
      call: { tool, args, bundle: machines.bundle, home: file('host') },
    });
    const play: readonly Step[] = [
      turn(5),
      call('team'),
      call('send_message', { to: 'user', text: 'I begin.' }),
      { make: 'ready' },
      { hear: 'Use port 81.' },
      { ask: { tool: 'Bash', input: { command: 'git push' } } },
      success('Done.'),
    ];
    const plan = machines.plan([player(machines.folder, 'worker', [play], { pool: 'gpu' })]);
    const owner = machines.spawn('home', 'run', plan);
    await until(
      () => existsSync(file('ready')),
      () => `its calls: ${machines.hostOutput}`,
    );
    assert.match(readFileSync(file('worker.seen'), 'utf8'), /You are worker.*Sent msg_/s);
    const [{ session_id: id }] = (await machines.json('list')).sessions;
    await machines.maos('home', 'message', 'send', id, 'worker', 'Use port 81.');
    const asked = async () => (await machines.json('requests')).requests;
    await until(
      async () => (await asked()).length === 1,
      () => `the permission: ${machines.hostOutput}`,
    );
    const [request] = await asked();
    assert.deepEqual([request.kind, request.tool, request.action], ['permission', 'Bash', 'git push']);
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    await machines.killHost();
    await machines.startHost();
    await machines.maos('home', 'approve', request.request_id);
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    const lines = (name: string) => readFileSync(file(name), 'utf8').trimEnd().split('\n');
    assert.deepEqual([lines('worker.starts').length, lines('worker.acted').length], [1, 1]);
    const entries = lines('worker.stdin').map((line) => JSON.parse(line).entry);
    assert.equal(new Set(entries).size, entries.length, entries.join());
    assert.equal(lines('worker.heard').length, 1);
    const { messages } = await machines.json('message', 'list', id);
    const states = messages.map(({ from, state }: { from: string; state: string }) => [from, state]);
    // The program makes each of its calls twice.
    const sent = ['worker', 'queued'];
    assert.deepEqual(states.toSorted(), [['user', 'delivered'], sent, sent]);
  });

  it('goes on with its conversation on the host that has it, and begins another one elsewhere', async (t) => {
    const machines = await Machines.start(t);
    machines.playClaude();
    const starts = () => startsOf(machines.folder, 'worker');
    const refused = (ms: number): readonly Step[] => [turn(5), ...refusal(new Date(Date.now() + ms))];
    const waits = async (id: string, attempt: number) => {
      const [agent] = (await machines.status(id)).agents;
      return agent.state !== 'running' && agent.attempt === attempt;
    };
    await machines.startHost();
    const plays = [refused(1_000), refused(40_000), [turn(5), success('Done.')]];
    const id = await machines.begin([player(machines.folder, 'worker', plays, { pool: 'gpu' })]);
    await until(
      () => starts().length === 2,
      () => `the second start: ${machines.hostOutput}`,
    );
    const [first, second] = starts();
    assert.deepEqual([first, typeof second], [null, 'string']);
    await until(() => waits(id, 2), 'the second refusal');
    await machines.killHost();
    rmSync(join(machines.folder, 'host', 'host'), { recursive: true });
    await machines.startHost();
    await until(
      async () => (await machines.status(id)).state === 'completed',
      () => machines.hostOutput,
    );
    assert.deepEqual(starts(), [null, second, null]);
  });
});
