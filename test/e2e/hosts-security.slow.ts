import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it, type TestContext } from 'node:test';
import { jetstream, jetstreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import type { Fleet, HostReport } from '../../src/application/ports/fleet.ts';
import { connectToNats } from '../../src/infrastructure/fleet/nats-connection.ts';
import { openNatsFleet } from '../../src/infrastructure/fleet/nats-fleet.ts';
import { newKey } from '../helpers/fleet-contract.ts';
import { documented, Guarded, makeUser } from '../helpers/guarded-server.ts';
import { NatsServer } from '../helpers/nats-server.ts';
import { until } from '../helpers/waiting.ts';

const at = '2026-01-01T00:00:00.000Z';
const never = new AbortController().signal;

const report: HostReport = {
  ...{ name: 'build-1', incarnation: 'i1', pools: ['gpu'], labels: {}, slots: 1, running: 0, at },
  ...{ freeMemoryMb: 1, isDraining: false, backends: [], version: '0', format: 1, homes: null },
};

describe('a NATS server as documented', { timeout: 120_000 }, () => {
  let guarded: Guarded;
  const cleanUps: (() => void | Promise<void>)[] = [];
  before(async () => {
    guarded = await Guarded.start({ after: (cleanUp) => cleanUps.unshift(cleanUp) });
    // The home makes the streams.
    await (await openNatsFleet(guarded.access('home'), 'home')).close();
  });
  after(async () => {
    for (const cleanUp of cleanUps) await cleanUp();
  });

  async function open(t: TestContext, user: string): Promise<Fleet> {
    const fleet = await openNatsFleet(guarded.access(user), user);
    t.after(() => fleet.close());
    return fleet;
  }

  async function raw(t: TestContext, user: string): Promise<NatsConnection> {
    const connection = await connectToNats(guarded.access(user), user);
    t.after(() => connection.close());
    return connection;
  }

  it('lets a home and a host do all that they do', async (t) => {
    const home = await open(t, 'home');
    const host = await open(t, 'host');
    await host.announce(report);
    await host.beat('build-1', 'i1', await host.era());
    assert.deepEqual(
      [await home.hosts(), await home.lastBeat('build-1', 'i1')],
      [[report], await home.era()],
    );
    assert.deepEqual(await host.hosts(), [report]);
    for (const pool of ['gpu', 'build-1']) {
      const key = newKey();
      const order = await home.put(`${key.project}.order`, Buffer.from('order'));
      await home.offer({ key, pool, format: 1, order });
      const seen: string[] = [];
      const stop = await home.follow(key, {
        claim: ({ claim }) => seen.push(claim.phase),
        output: (_stream, offset, bytes) => seen.push(`${offset} ${Buffer.from(bytes)}`),
        fact: ({ type }) => seen.push(type),
      });
      const taken = await host.take(pool, 5_000, never);
      assert.deepEqual(taken?.key, key);
      assert.equal(Buffer.from(await host.get(order)).toString(), 'order');
      const claim = { host: 'build-1', incarnation: 'i1', epoch: 1, phase: 'claimed', obeyed: 0 } as const;
      const revision = (await host.claim(key, claim)) ?? 0;
      await taken?.accept();
      await host.renew(key, { ...claim, phase: 'running' }, revision);
      const wishes: number[] = [];
      const stopWishes = await host.wishes(key, ({ number }) => wishes.push(number));
      await home.desire(key, {
        number: 7,
        isPaused: true,
        stop: null,
        input: [],
        isInputOver: false,
        answers: [],
      });
      await until(() => wishes[0] === 7, 'the wish');
      await host.append(key, 'stdout', 0, Buffer.from('out'));
      assert.equal(await host.appended(key, 'stdout'), 3);
      const files = await host.put(`${key.project}.files`, Buffer.from('files'));
      const none = { stop: null, refusal: null, printed: { stdout: 3, stderr: 0 }, work: null };
      await host.tell(key, { type: 'ended', end: { how: 'lost', at }, files, ...none });
      await until(
        () => seen.includes('ended') && seen.includes('0 out') && seen.includes('running'),
        () => seen.join(),
      );
      assert.equal(Buffer.from(await home.get(files)).toString(), 'files');
      stop();
      stopWishes();
      await home.forget(key);
    }
  });

  const p = 'a'.repeat(64);
  const forbidden: readonly (readonly [user: string, what: string, subject: string])[] = [
    ['host', 'offer an agent', `maos.${p}.offer.gpu`],
    ['host', 'steer an agent', `$KV.maos_desired.${p}.s.a.1`],
    ['host', 'pass for another host', '$KV.maos_host.build-2'],
    ['host', 'beat for another host', '$KV.maos_beat.build-2.i1'],
    ['home', 'pass for a host', '$KV.maos_host.build-1'],
    ['home', 'beat for a host', '$KV.maos_beat.build-1.i1'],
    ['home', 'write output', `maos.${p}.out.s.a.1.out`],
    ['home', 'write facts', `maos.${p}.fact.s.a.1`],
  ];
  for (const [user, what, subject] of forbidden) {
    it(`keeps a ${user} from being able to ${what}`, async (t) => {
      const js = jetstream(await raw(t, user), { timeout: 1_000 });
      await assert.rejects(js.publish(subject, 'forged'), /permission|violation/i);
    });
  }

  const calls: readonly (readonly [user: string, what: string, subject: string, payload: object])[] = [
    ['host', 'remove a stream', '$JS.API.STREAM.DELETE.MAOS_OUT', {}],
    ['host', 'empty a stream', '$JS.API.STREAM.PURGE.MAOS_FACT', {}],
    ['host', 'read facts', '$JS.API.STREAM.MSG.GET.MAOS_FACT', { seq: 1 }],
    ['host', 'read offers to other pools', '$JS.API.STREAM.MSG.GET.MAOS_OFFER', { seq: 1 }],
    ['host', 'take offers of another pool', '$JS.API.CONSUMER.MSG.NEXT.MAOS_OFFER.pool-cpu', { batch: 1 }],
    ['host', 'follow facts', '$JS.API.CONSUMER.CREATE.MAOS_FACT.x.maos.>', {}],
    ['host', 'change a stream', '$JS.API.STREAM.UPDATE.MAOS_OFFER', {}],
    ['home', 'take offers', '$JS.API.CONSUMER.MSG.NEXT.MAOS_OFFER.pool-gpu', { batch: 1 }],
    ['home', 'remove a stream', '$JS.API.STREAM.DELETE.MAOS_OFFER', {}],
  ];
  for (const [user, what, subject, payload] of calls) {
    it(`keeps a ${user} from being able to ${what}`, async (t) => {
      const connection = await raw(t, user);
      const asked = connection.request(subject, JSON.stringify(payload), { timeout: 1_000 });
      await assert.rejects(asked, /permission|violation/i);
    });
  }

  it('keeps the answers of each user from all others', async (t) => {
    const connection = await raw(t, 'host');
    const errors: string[] = [];
    connection.subscribe('_INBOX.>', {
      callback: (error) => void errors.push(String(error)),
    });
    await until(() => errors.length === 1, 'the refusal');
    assert.match(errors[0] ?? '', /permission/i);
  });

  it('keeps accounts apart', async (t) => {
    // A second team beside the documented one, with a host that may do everything in its own account.
    const other = makeUser(guarded.folder, 'other');
    const users = documented.replace(
      /\n}\s*$/,
      `\n  OTHER { jetstream: enabled, users: [{ nkey: ${other} }] }\n}\n`,
    );
    const keys = {
      HOME_NKEY: makeUser(guarded.folder, 'home2'),
      HOST_NKEY: makeUser(guarded.folder, 'host2'),
    };
    const server = await NatsServer.start(t, (store, port) =>
      users
        .replace('10.0.0.1:4222', `127.0.0.1:${port}`)
        .replace('/var/lib/maos-nats', store)
        .replaceAll('/etc/maos-nats', guarded.folder)
        .replaceAll(/HOME_NKEY|HOST_NKEY/g, (name) => keys[name as keyof typeof keys]),
    );
    const url = `tls://127.0.0.1:${server.port}`;
    const home = await openNatsFleet({ ...guarded.access('home2'), url }, 'home');
    t.after(() => home.close());
    const foreign = await openNatsFleet({ ...guarded.access('other'), url }, 'other');
    t.after(() => foreign.close());
    const key = newKey();
    const order = await home.put('secret', Buffer.from('a secret prompt'));
    await home.offer({ key, pool: 'gpu', format: 1, order });
    assert.equal(await foreign.take('gpu', 1_000, never), null);
    await assert.rejects(foreign.get(order), { code: 'INVALID_INPUT' });
    await foreign.claim(key, { host: 'x', incarnation: 'x', epoch: 1, phase: 'ended', obeyed: 0 });
    assert.equal(await home.claimOf(key), null);
    const connection = await connectToNats({ ...guarded.access('other'), url }, 'look');
    t.after(() => connection.close());
    const manager = await jetstreamManager(connection);
    assert.equal((await manager.streams.info('MAOS_OFFER')).state.messages, 0);
  });

  it('is not trusted if an unknown authority has signed it', async () => {
    const access = { ...guarded.access('home'), tls: { ca: null, cert: null, key: null } };
    await assert.rejects(openNatsFleet(access, 'home'), {
      code: 'BACKEND_UNAVAILABLE',
      message: /certificate/,
    });
  });

  it('refuses a user that it does not know, and one without a secret', async () => {
    makeUser(guarded.folder, 'stranger');
    const refused = { code: 'BACKEND_UNAVAILABLE', message: /uthoriz/ };
    await assert.rejects(openNatsFleet(guarded.access('stranger'), 'x'), refused);
    await assert.rejects(openNatsFleet({ ...guarded.access('home'), credentials: null }, 'x'), refused);
  });

  it('is not told a secret that others may read, or that is none', async () => {
    const open = join(guarded.folder, 'open.nk');
    writeFileSync(open, readFileSync(join(guarded.folder, 'home.nk')), { mode: 0o640 });
    await assert.rejects(openNatsFleet({ ...guarded.access('open') }, 'x'), {
      code: 'FORBIDDEN',
      message: /mode 640.*chmod 600/,
    });
    writeFileSync(join(guarded.folder, 'none.nk'), 'hello', { mode: 0o600 });
    await assert.rejects(openNatsFleet(guarded.access('none'), 'x'), {
      code: 'INVALID_INPUT',
      message: /nkey seed/,
    });
  });
});

describe('an address tls://', () => {
  it('is not spoken to without TLS', async (t) => {
    const server = await NatsServer.start(t);
    const access = {
      url: `tls://127.0.0.1:${server.port}`,
      credentials: null,
      tls: { ca: null, cert: null, key: null },
    };
    await assert.rejects(openNatsFleet(access, 'x'), { code: 'BACKEND_UNAVAILABLE', message: /tls/ });
  });
});
