import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { connectToNats } from '../../src/infrastructure/fleet/nats-connection.ts';
import { command, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

const open = { credentials: null, tls: { ca: null, cert: null, key: null } };

/** What is on the server. */
async function look(t: TestContext, machines: Machines) {
  const connection = await connectToNats({ url: machines.server.url, ...open }, 'test');
  t.after(() => connection.close());
  const js = jetstream(connection);
  const { streams } = await jetstreamManager(connection);
  const keysOf = async (bucket: string): Promise<readonly string[]> => {
    const keys: string[] = [];
    for await (const key of await (await new Kvm(js).open(bucket)).keys()) keys.push(key);
    return keys;
  };
  const blobs = async (): Promise<readonly string[]> =>
    (await (await new Objm(js).open('maos_blob')).list()).map(({ name }) => name);
  const messages = async (stream: string): Promise<number> => (await streams.info(stream)).state.messages;
  return { keysOf, blobs, messages };
}

describe('what an agent leaves on the NATS server', { timeout: 120_000 }, () => {
  it('is removed when it is called back before a host has taken it, but for its claim', async (t) => {
    const machines = await Machines.start(t);
    const { keysOf: allKeysOf, blobs: allBlobs } = await look(t, machines);
    const ofIt = (names: readonly string[]): readonly string[] => names.filter((name) => name.includes(id));
    const keysOf = async (bucket: string): Promise<readonly string[]> => ofIt(await allKeysOf(bucket));
    const blobs = async (): Promise<readonly string[]> => ofIt(await allBlobs());
    await machines.startHost('--slots', '1');
    const busy = `while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    const first = await machines.begin([command('first', busy, { pool: 'gpu' })]);
    await until(async () => (await machines.status(first)).agents[0].where, 'the host to be busy');
    const id = await machines.begin([command('far', machines.trace, { pool: 'gpu' })]);
    await until(async () => (await blobs()).some((name) => name.endsWith('.order')), 'the order');
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    await until(async () => (await blobs()).length === 0, 'its blobs to go');
    assert.deepEqual(await keysOf('maos_desired'), []);
    assert.match((await keysOf('maos_claim')).join(), new RegExp(`^[0-9a-f]{64}\\.${id}\\.agent_[^.]+\\.1$`));

    writeFileSync(join(machines.folder, 'go'), '');
    const again = await machines.begin([command('near', 'echo done', { pool: 'gpu' })]);
    await machines.maos('home', 'wait', again);
    assert.equal(machines.launches(), 0);
  });

  it('is removed at the end of its session, whatever became of the agent', async (t) => {
    const machines = await Machines.start(t);
    machines.configure('host', { allowCommands: ['sh -c *'] });
    machines.configure('home', { remote: { url: machines.server.url, lostAfterMinutes: 0.05 } });
    await machines.startHost();
    const { keysOf, blobs, messages } = await look(t, machines);
    const go = `while [ ! -e ${machines.folder}/go ]; do sleep 0.1; done`;
    const refused = { ...command('refused', ''), command: ['uname'], pool: 'gpu' };
    const lost = command('lost', `${machines.trace}; echo up; ${go}; echo more`, { pool: 'gpu' });
    const id = await machines.begin([refused, lost]);
    await machines.printed(id, 'lost', 'up');
    await until(async () => (await machines.status(id)).agents[0].state === 'failed', 'the refusal');
    assert.ok((await blobs()).some((name) => name.endsWith('.order')));
    await machines.killHost();
    await until(async () => (await machines.status(id)).state === 'failed', 'the end');
    await until(async () => (await blobs()).length === 0, 'its blobs to go');
    assert.deepEqual([await messages('MAOS_FACT'), await messages('MAOS_OUT')], [0, 0]);
    // A host that comes back is to find that it shall end what nobody waits for.
    assert.equal((await keysOf('maos_desired')).length, 1);
    await machines.startHost();
    await until(() => machines.hostOutput.includes('ended: lost (attempt 1)'), 'the late end');
    assert.equal(machines.launches(), 1);
  });
});
