import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import { Kvm } from '@nats-io/kv';
import { Objm } from '@nats-io/obj';
import { connectToNats } from '../../src/infrastructure/fleet/nats-connection.ts';
import { command, Machines } from '../helpers/machines.ts';
import { until } from '../helpers/waiting.ts';

const open = { credentials: null, tls: { ca: null, cert: null, key: null } };

describe('what an agent leaves on the NATS server', { timeout: 120_000 }, () => {
  it('is removed when it is called back before a host has taken it, but for its claim', async (t) => {
    const machines = await Machines.start(t);
    const connection = await connectToNats({ url: machines.server.url, ...open }, 'test');
    t.after(() => connection.close());
    const js = jetstream(connection);
    const id = await machines.begin([command('far', machines.trace, { pool: 'gpu' })]);
    await until(async () => (await machines.status(id)).agents[0].waiting, 'the agent to wait');

    const store = await new Objm(js).open('maos_blob');
    const blobs = async (): Promise<readonly string[]> => (await store.list()).map(({ name }) => name);
    assert.ok((await blobs()).some((name) => name.endsWith('.order')));
    await machines.maos('home', 'cancel', id);
    await until(async () => (await machines.status(id)).state === 'cancelled', 'the end');
    await until(async () => (await blobs()).length === 0, 'its blobs to go');
    const keysOf = async (bucket: string): Promise<readonly string[]> => {
      const keys: string[] = [];
      for await (const key of await (await new Kvm(js).open(bucket)).keys()) keys.push(key);
      return keys;
    };
    assert.deepEqual(await keysOf('maos_desired'), []);
    assert.match((await keysOf('maos_claim')).join(), new RegExp(`^[0-9a-f]{64}\\.${id}\\.agent_[^.]+\\.1$`));

    await machines.startHost();
    const again = await machines.begin([command('near', 'echo done', { pool: 'gpu' })]);
    await machines.maos('home', 'wait', again);
    assert.equal(machines.launches(), 0);
  });
});
