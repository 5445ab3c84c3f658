import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { cliSchemas } from '../helpers/command-documents.ts';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

/** Starts the host in the background, which the test ends. */
async function detach(t: TestContext, machines: Machines, ...more: readonly string[]) {
  const words = ['host', '--nats', machines.server.url, '--pool', 'gpu', '--name', 'box', '--detach'];
  const { stdout } = await machines.maos('host', ...words, ...more);
  const pid = Number(/"pid": (\d+)|process (\d+)/.exec(stdout)?.slice(1).find(Boolean));
  t.after(() => {
    if (isAlive(pid)) process.kill(pid, 'SIGKILL');
  });
  return { stdout, pid };
}

describe('a host in the background', { timeout: 120_000 }, () => {
  it('runs agents, says so in its log, is the only one of its home, and ends by drain', async (t) => {
    const machines = await Machines.start(t);
    const { stdout, pid } = await detach(t, machines, '--slots', '1', '--label', 'zone=b', '--json');
    const told = JSON.parse(stdout);
    assert.equal(cliSchemas.fault('host --detach', told), null);
    const log = join(machines.folder, 'host', 'host', 'host.log');
    assert.deepEqual(told, { name: 'box', pools: ['gpu'], pid, log });
    const [listed] = (await machines.json('host', 'list')).hosts;
    assert.deepEqual([listed.name, listed.slots, listed.labels], ['box', 1, { zone: 'b' }]);

    const id = await machines.begin([command('far', `${machines.trace}; echo done`, { pool: 'gpu' })]);
    await machines.maos('home', 'wait', id);
    assert.equal(await machines.log(id, 'far'), 'done\n');
    const said = (): string => readFileSync(log, 'utf8');
    assert.match(said(), /"Host box takes agents of gpu\.".*\n(.*\n)*.*"start: far \(attempt 1\) of sess_/);

    const again = ['host', '--nats', machines.server.url, '--pool', 'gpu'];
    const taken = new RegExp(`Process ${pid} is already the host of this home`);
    await assert.rejects(machines.maos('host', ...again, '--detach'), taken);
    await assert.rejects(machines.maos('host', ...again), taken);

    await machines.maos('host', 'host', 'drain');
    await until(() => !isAlive(pid), 'the end of the host');
    assert.match(said(), /"ended: far \(attempt 1\)/);
    await detach(t, machines);
    assert.match(readFileSync(`${log}.1`, 'utf8'), /"ended: far/);
  });

  it('says what it has started, and how to end it', async (t) => {
    const machines = await Machines.start(t);
    const { stdout, pid } = await detach(t, machines);
    assert.match(
      stdout,
      new RegExp(`^Host box takes agents of gpu in the background, as process ${pid}\\.\n`),
    );
    assert.match(
      stdout,
      /\nIts log is .*host\.log.*\.\n.*host drain' lets it finish its agents and exit\.\n$/,
    );
  });

  it('is not started without a server', async (t) => {
    const machines = await Machines.start(t);
    await machines.server.kill();
    await assert.rejects(detach(t, machines), /nats-server -js/);
    assert.equal(existsSync(join(machines.folder, 'host', 'host', 'lock.json')), false);
  });
});
