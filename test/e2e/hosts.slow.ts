import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { cliSchemas } from '../helpers/command-documents.ts';
import { command, isAlive, Machines } from '../helpers/machines.ts';
import { giveTimeTo, until } from '../helpers/waiting.ts';

describe('a team over two machines', { timeout: 300_000 }, () => {
  it('completes, with the output of the remote agent equal to the byte, and its process started once', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const local = command('first', 'echo hello > "$MAOS_SHARED_CONTEXT/note.txt"; echo local');
    const line = `${machines.trace}; cat "$MAOS_SHARED_CONTEXT/note.txt"; i=0; while [ $i -lt 3000 ]; do echo "line $i"; i=$((i+1)); done; echo oops >&2; echo done > "$MAOS_RESULTS/report.txt"`;
    const remote = command('second', line, { pool: 'gpu', depends_on: ['first'] });
    const last = command('third', 'cat "$MAOS_RESULTS/../second/report.txt"', { depends_on: ['second'] });
    const id = await machines.begin([local, remote, last]);
    await machines.maos('home', 'wait', id);
    const { stdout } = await machines.maos('home', 'logs', id, 'second', '--raw', '--stream', 'stdout');
    assert.equal(machines.launches(), 1);
    assert.equal(stdout, machines.hostLog());
    assert.ok(stdout.startsWith('hello\nline 0\n') && stdout.endsWith('line 2999\n'));
    const errors = await machines.maos('home', 'logs', id, 'second', '--raw', '--stream', 'stderr');
    assert.equal(errors.stdout, 'oops\n');
    const third = await machines.maos('home', 'logs', id, 'third', '--raw');
    assert.equal(third.stdout, 'done\n');
    const status = await machines.status(id);
    assert.equal(status.state, 'completed', JSON.stringify(status));
    const [here, there, after] = status.agents;
    assert.deepEqual([here.where, after.where], [undefined, undefined]);
    assert.match(there.where, /^host .+, process \d+$/);
    assert.match((await machines.maos('home', 'status', id)).stdout, / WHERE /);
  });

  it('is cancelled on both', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const pidFile = join(machines.folder, 'pid');
    const line = `${machines.trace}; echo $$ > ${pidFile}; echo up; exec sleep 300`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    const pid = Number(readFileSync(pidFile, 'utf8'));
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    assert.throws(() => process.kill(pid, 0), { code: 'ESRCH' });
    assert.equal(machines.launches(), 1);
  });

  it('is paused and resumed on both', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.maos('home', 'pause', id);
    await until(async () => (await machines.status(id)).state === 'paused', 'the pause');
    writeFileSync(join(machines.folder, 'go'), '');
    await giveTimeTo('a program that is not suspended', 1_000);
    assert.equal(await machines.log(id, 'far'), 'up\n');
    await machines.maos('home', 'resume', id);
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('refuses what the host does not allow, with the reason', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('host', { allowCommands: ['echo *'] });
    await machines.startHost();
    const id = await machines.begin([command('far', `${machines.trace}; true`, { pool: 'gpu' })]);
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    const { stdout } = await machines.maos('home', 'status', id);
    assert.match(stdout, /This host does not run the command .*allowCommands/s);
    assert.equal(machines.launches(), 0);
  });

  it('goes on while the host process is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over; exit 3`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    writeFileSync(join(machines.folder, 'go'), '');
    await machines.startHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.match((await machines.status(id)).agents[0].failure.message, /3/);
    assert.equal(machines.launches(), 1);
  });

  it('goes on while its home is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const plan = machines.plan([command('far', line, { pool: 'gpu' })]);
    const owner = machines.spawn('home', 'run', plan);
    const id = await until(() => /sess_[0-9A-Z]{26}/.exec(machines.latest())?.[0], 'the session');
    await machines.printed(id, 'far', 'up');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    writeFileSync(join(machines.folder, 'go'), '');
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('goes on while the NATS server is killed and started again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.server.kill();
    writeFileSync(join(machines.folder, 'go'), '');
    await until(() => machines.hostLog() === 'up\nover\n', 'the output there');
    await machines.server.run();
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    assert.equal(machines.launches(), 1);
  });

  it('ends lost if its host is not heard of any more, and is not run again', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes: 0.05 } });
    await machines.startHost();
    const pidFile = join(machines.folder, 'pid');
    const line = `${machines.trace}; echo $$ > ${pidFile}; echo up; exec sleep 300`;
    const id = await machines.begin([command('far', line, { pool: 'gpu' })]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal((await machines.status(id)).agents[0].failure.kind, 'lost');
    const { stdout: events } = await machines.maos('home', 'events', id);
    assert.match(events, /no heartbeat from host box/);
    // When the host is back, it ends what nobody waits for.
    await machines.startHost();
    await until(() => !isAlive(Number(readFileSync(pidFile, 'utf8'))), 'the end of the program');
    assert.equal(machines.launches(), 1);
  });

  it('is run again after its host was lost if the plan says so, and only tells what the first attempt says later', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes: 0.05 } });
    await machines.startHost();
    const { folder } = machines;
    const second = `echo second; while [ ! -e ${folder}/go ]; do sleep 0.1; done; echo over`;
    const line = `${machines.trace}; mkdir ${folder}/first && { echo up; exec sleep 300; }; ${second}`;
    const id = await machines.begin([command('far', line, { pool: 'gpu', rerun_on_lost: true })]);
    await machines.printed(id, 'far', 'up');
    await machines.killHost();
    await until(
      async () => /rerun 1 of 3/.test((await machines.maos('home', 'events', id)).stdout),
      'the rerun',
    );
    await machines.startHost();
    await machines.printed(id, 'far', 'second');
    const late = /attempt 1, which was lost, has ended by SIG\w+ at \S+; this changes nothing/;
    await until(async () => late.test((await machines.maos('home', 'events', id)).stdout), 'the late end');
    writeFileSync(join(folder, 'go'), '');
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    const [agent] = (await machines.status(id)).agents;
    assert.equal(agent.attempt, 2);
    assert.equal(machines.launches(), 2);
  });

  it('is offered only to a host that can run it, and says why none can', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('host', { allowCommands: ['*'], remote: { backends: ['codex'] } });
    await machines.startHost();
    const id = await machines.begin([command('far', `${machines.trace}; true`, { pool: 'gpu' })]);
    const why = /no host of pool gpu: box does not run command for others/;
    await until(async () => why.test((await machines.maos('home', 'status', id)).stdout), 'the reason');
    await machines.killHost();
    machines.configure('host', { allowCommands: ['*'] });
    await machines.startHost();
    await until(async () => (await machines.status(id)).state === 'completed', 'the end');
    assert.equal(machines.launches(), 1);
  });

  it('waits for a host, which lists itself, drains and ends', async (t) => {
    const machines = await Machines.start(t);
    const line = `${machines.trace}; echo up; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    // For a host by its name; it has less time than it waits.
    const id = await machines.begin([command('far', line, { pool: 'box', timeout_minutes: 0.05 })]);
    const note = async (): Promise<string> => String((await machines.status(id)).agents[0].waiting);
    await until(async () => /no host of pool box is known/.test(await note()), 'the reason');
    await giveTimeTo('a time limit that counts too early', 3_500);
    await machines.startHost('--slots', '1', '--label', 'zone=b');
    await until(async () => (await machines.status(id)).agents[0].where !== undefined, 'the start');
    const { stdout } = await machines.maos('home', 'host', 'list');
    assert.match(stdout, /box +(full|free) +[01] of 1 +gpu/);
    const listed = JSON.parse((await machines.maos('home', 'host', 'list', '--json')).stdout);
    assert.equal(cliSchemas.fault('host list', listed), null);
    assert.deepEqual(listed.hosts[0].labels, { zone: 'b' });
    // Its status is about the backends here.
    const doctor = machines.maos('home', 'doctor').then(
      ({ stdout: said }) => said,
      (error: unknown) => String(error),
    );
    assert.match(await doctor, /✓ hosts +the NATS server answers, with JetStream; 1 host\b/);
    const { stdout: events } = await machines.maos('home', 'events', id);
    assert.match(events, /waiting: no host of pool box is known/);
    await assert.rejects(
      machines.maos('host', 'host', '--nats', machines.server.url, '--pool', 'gpu'),
      /is already the host of this home/,
    );
    await machines.maos('host', 'host', 'drain');
    assert.equal(await machines.hostEnd(), 0);
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    assert.equal((await machines.status(id)).agents[0].failure.kind, 'timeout');
    assert.equal(machines.launches(), 1);
  });
});
