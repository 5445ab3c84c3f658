import assert from 'node:assert/strict';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { command, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

describe('a NATS server that loses all it has stored', { timeout: 600_000 }, () => {
  const longLine = (machines: Machines): string =>
    `${machines.trace}; echo up; echo no >&2; while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done; echo over; echo kept > "$MAOS_RESULTS/report.txt"`;

  async function judge(machines: Machines, id: string): Promise<void> {
    await until(
      async () => ['completed', 'failed'].includes((await machines.status(id)).state),
      () => `the end; host: ${machines.hostOutput}`,
    );
    const status = await machines.status(id);
    assert.equal(status.state, 'completed', JSON.stringify(status.agents));
    assert.equal(await machines.log(id, 'far'), 'up\nover\n');
    const errors = await machines.maos('home', 'logs', id, 'far', '--raw', '--stream', 'stderr');
    assert.equal(errors.stdout, 'no\n');
    assert.equal(machines.launches(), 1);
  }

  /** An agent runs on the host, and the process at home that owned its session is dead. */
  async function withoutOwner(t: TestContext): Promise<{ readonly machines: Machines; readonly id: string }> {
    const machines = await Machines.start(t);
    await machines.startHost();
    const plan = machines.plan([command('far', longLine(machines), { pool: 'gpu' })]);
    const owner = machines.spawn('home', 'run', plan);
    const id = await until(() => /sess_[0-9A-Z]{26}/.exec(machines.latest())?.[0], 'the session');
    await machines.printed(id, 'far', 'up');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    return { machines, id };
  }

  it('while an agent runs is told everything again by home and host, which go on', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost();
    const next = command('near', 'cat "$MAOS_RESULTS/../far/report.txt"', { depends_on: ['far'] });
    const id = await machines.begin([command('far', longLine(machines), { pool: 'gpu' }), next]);
    await machines.printed(id, 'far', 'up');
    await machines.server.wipe();
    await machines.server.run();
    writeFileSync(join(machines.folder, 'go'), '');
    await judge(machines, id);
    assert.equal(await machines.log(id, 'near'), 'kept\n');
  });

  it('while the agent has ended and nobody has heard of that', async (t) => {
    const { machines, id } = await withoutOwner(t);
    writeFileSync(join(machines.folder, 'go'), '');
    await until(() => machines.hostOutput.includes('ended: far'), 'the end there');
    await machines.server.wipe();
    await machines.server.run();
    await judge(machines, id);
  });

  it('while home and host are dead, and the home is back first', async (t) => {
    const { machines, id } = await withoutOwner(t);
    await machines.killHost();
    await machines.server.wipe();
    await machines.server.run();
    const { state } = await machines.status(id);
    assert.equal(state, 'running');
    await until(async () => {
      const { stdout } = await machines.maos('home', 'events', id);
      return stdout.includes('has not heard yet from host box');
    }, 'the doubt about it');
    await machines.startHost();
    writeFileSync(join(machines.folder, 'go'), '');
    await judge(machines, id);
  });

  it('while an offer waits for a slot: it is offered again', async (t) => {
    const machines = await Machines.start(t);
    await machines.startHost('--slots', '1');
    const blocker = `while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    const first = await machines.begin([command('first', blocker, { pool: 'gpu' })]);
    await until(async () => (await machines.status(first)).agents[0].stage === 'executing', 'the first');
    const id = await machines.begin([
      command('far', `${machines.trace}; echo up; echo no >&2; echo over`, { pool: 'gpu' }),
    ]);
    await until(async () => (await machines.status(id)).agents[0].waiting !== undefined, 'the offer');
    await machines.server.wipe();
    await machines.server.run();
    writeFileSync(join(machines.folder, 'go'), '');
    await judge(machines, id);
    await until(async () => (await machines.status(first)).state === 'completed', 'the end of the first');
  });

  it('while a home waits to connect: the agent waits for the server, and says so', async (t) => {
    const machines = await Machines.start(t);
    await machines.server.kill();
    const id = await machines.begin([
      command('far', `${machines.trace}; echo up; echo no >&2; echo over`, { pool: 'gpu' }),
    ]);
    await until(async () => {
      const [agent] = (await machines.status(id)).agents;
      return agent.stage === 'preparing' && JSON.stringify(agent.waiting ?? '').includes('NATS server');
    }, 'the reason why it waits');
    await machines.server.run();
    await machines.startHost();
    await judge(machines, id);
  });
});
