import assert from 'node:assert/strict';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { player, turn } from '../helpers/fake-claude.ts';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

describe('an agent on another machine', { timeout: 300_000 }, () => {
  it('is stalled when it does nothing there, and not while it works', async (t) => {
    const machines = await Machines.start(t);
    const limits = { stallMinutes: 0.1 };
    machines.configure('home', { remote: { url: machines.server.url }, limits });
    await machines.startHost('--slots', '2');
    const working = `while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
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
});
