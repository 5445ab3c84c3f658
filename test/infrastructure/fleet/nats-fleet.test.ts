import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { DiscardPolicy, jetstream, jetstreamManager, StorageType } from '@nats-io/jetstream';
import { Objm } from '@nats-io/obj';
import { nanos } from '@nats-io/transport-node';
import { connectToNats, type NatsAccess } from '../../../src/infrastructure/fleet/nats-connection.ts';
import { openNatsFleet } from '../../../src/infrastructure/fleet/nats-fleet.ts';
import { fleetContract, newKey } from '../../helpers/fleet-contract.ts';
import { NatsServer } from '../../helpers/nats-server.ts';

import { inTime, until } from '../../helpers/waiting.ts';

const noTls = { ca: null, cert: null, key: null };
const accessTo = (url: string): NatsAccess => ({ url, credentials: null, tls: noTls });

describe('the fleet over NATS', () => {
  let server: NatsServer;
  const cleanUps: (() => Promise<void>)[] = [];
  before(async () => {
    server = await NatsServer.start({ after: (cleanUp) => cleanUps.push(cleanUp) });
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  fleetContract(async () => async () => openNatsFleet(accessTo(server.url), 'test'));
});

describe('a NATS server', () => {
  it('that an earlier version has set up gets the settings of this one when a home offers', async (t) => {
    const server = await NatsServer.start(t);
    const connection = await connectToNats(accessTo(server.url), 'earlier');
    t.after(() => connection.close());
    const { streams } = await jetstreamManager(connection);
    await new Objm(jetstream(connection)).create('maos_blob', { storage: StorageType.File });
    await streams.add({ name: 'MAOS_FACT', subjects: ['maos.*.fact.>'], storage: StorageType.File });
    const home = await openNatsFleet(accessTo(server.url), 'home');
    t.after(() => home.close());
    const ageOf = async (name: string): Promise<number> => (await streams.info(name)).config.max_age;
    assert.deepEqual([await ageOf('OBJ_maos_blob'), await ageOf('MAOS_FACT')], [0, 0]);
    const order = await home.put('x.order', Buffer.from('{}'));
    await home.offer({ key: newKey(), pool: 'gpu', format: 1, order });
    const week = nanos(7 * 86_400_000);
    await until(async () => (await ageOf('OBJ_maos_blob')) === week, 'the limit of blobs');
    assert.equal(await ageOf('MAOS_FACT'), week);
    assert.equal((await streams.info('MAOS_FACT')).config.discard, DiscardPolicy.New);
    assert.equal(Buffer.from(await home.get(order)).toString(), '{}');
  });

  it('that was killed has everything when it is back, and its clients go on', async (t) => {
    const server = await NatsServer.start(t);
    const home = await openNatsFleet(accessTo(server.url), 'home');
    t.after(() => home.close());
    const key = newKey();
    const pieces: string[] = [];
    await home.append(key, 'stdout', 0, Buffer.from('before'));
    await home.follow(key, {
      claim: () => {},
      output: (_stream, offset, bytes) => pieces.push(`${offset} ${Buffer.from(bytes)}`),
      fact: () => {},
    });
    await until(() => pieces.length === 1, 'the output before');
    await server.kill();
    await server.run();
    await until(async () => {
      await home.append(key, 'stdout', 6, Buffer.from('after')).catch(() => {});
      return pieces.includes('6 after');
    }, 'the output after');
    assert.equal(await home.appended(key, 'stdout'), 11);
  });

  it('that has lost all it had stored is of another era, and its clients go on with everything that is told again', async (t) => {
    const server = await NatsServer.start(t);
    const [home, host] = await Promise.all(
      ['home', 'host'].map(async (name) => {
        const fleet = await openNatsFleet(accessTo(server.url), name);
        t.after(() => fleet.close());
        return fleet;
      }),
    );
    assert.ok(home && host);
    const key = newKey();
    const heard: unknown[] = [];
    await host.append(key, 'stdout', 0, Buffer.from('before'));
    await home.follow(key, {
      claim: ({ claim }) => heard.push(claim.host),
      output: (_stream, offset, bytes) => heard.push([offset, String(Buffer.from(bytes))]),
      fact: ({ type }) => heard.push(type),
    });
    await until(() => heard.length === 1, 'the output before');
    const never = new AbortController().signal;
    assert.equal(await host.take('gpu', 1_000, never), null);
    const taking = host.take('gpu', 60_000, never).catch(() => null);
    const before = await home.era();
    await server.wipe();
    await server.run();
    const after = await until(async () => home.era().catch(() => null), 'the server');
    assert.notEqual(after, before);
    assert.equal(await until(async () => host.era().catch(() => null), 'the server'), after);
    assert.equal(await taking, null);
    // Never with a gap.
    await assert.rejects(host.append(key, 'stdout', 6, Buffer.from('after')), /up to byte 0/);
    await host.append(key, 'stdout', 0, Buffer.from('before'));
    await host.append(key, 'stdout', 6, Buffer.from('after'));
    await host.claim(key, { host: 'box', incarnation: 'i1', epoch: 1, phase: 'running', obeyed: 0 });
    await until(() => heard.length === 4, 'everything again');
    assert.deepEqual(heard.filter(Array.isArray), [
      [0, 'before'],
      [0, 'before'],
      [6, 'after'],
    ]);
    assert.ok(heard.includes('box'));
    const order = await home.put('again.order', Buffer.from('{}'));
    const terms = { era: after, hosts: ['box'] };
    await home.offer({ key, pool: 'gpu', format: 1, order }, terms);
    const offer = await host.take('gpu', 5_000, never);
    assert.deepEqual(offer?.terms, terms);
    await offer?.accept();
  });

  it('ends the reading of a blob that is sent again meanwhile', async (t) => {
    const server = await NatsServer.start(t);
    const [reader, writer] = await Promise.all(
      ['reader', 'writer'].map(async (name) => {
        const fleet = await openNatsFleet(accessTo(server.url), name);
        t.after(() => fleet.close());
        return fleet;
      }),
    );
    assert.ok(reader && writer);
    const content = Buffer.alloc(2_000_000, 'x');
    const blob = await writer.put('x.files', content);
    let broken = '';
    const writing = (async () => {
      while (broken === '') await writer.put('x.files', content);
    })();
    while (broken === '') {
      const read = reader.get(blob).then(() => '', String);
      broken = await inTime(read, 'the end of the reading');
    }
    await writing;
    assert.match(broken, /The blob x\.files was replaced while it was read/);
    assert.ok(content.equals(await reader.get(blob)));
  });

  it('that is not there is named, with what to do', async () => {
    await assert.rejects(openNatsFleet(accessTo('nats://127.0.0.1:1'), 'test'), {
      code: 'BACKEND_UNAVAILABLE',
      message: /nats:\/\/127\.0\.0\.1:1: .*nats-server -js/,
    });
  });

  it('is not told a secret that others may read', async (t) => {
    const folder = mkdtempSync(join(tmpdir(), 'maos-creds-'));
    t.after(() => rmSync(folder, { recursive: true }));
    const path = join(folder, 'nats.creds');
    writeFileSync(path, 'secret', { mode: 0o644 });
    await assert.rejects(openNatsFleet({ ...accessTo('nats://127.0.0.1:1'), credentials: path }, 'test'), {
      code: 'FORBIDDEN',
      message: /chmod 600/,
    });
  });
});
