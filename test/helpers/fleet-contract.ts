import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { getEventListeners } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import {
  type AttemptClaim,
  type AttemptKey,
  type Fleet,
  factName,
  type HostFact,
  type HostReport,
  type Offer,
  type Wish,
} from '../../src/application/ports/fleet.ts';
import { makeAgentId, makeSessionId } from '../../src/domain/ids.ts';
import { until } from './waiting.ts';

let attempts = 0;

/** Of no other test. */
export function newKey(): AttemptKey {
  attempts += 1;
  return {
    project: createHash('sha256').update('project').digest('hex'),
    sessionId: makeSessionId(`01K0ABCDEFGHJKMNPQRST${String(attempts).padStart(5, '0')}`),
    agentId: makeAgentId('tester', 1, 'abc123'),
    attempt: 1,
  };
}

const claimed: AttemptClaim = { host: 'one', incarnation: 'i1', epoch: 1, phase: 'claimed', obeyed: 0 };
const wish: Wish = { number: 1, isPaused: false, stop: null, input: [], isInputOver: false, answers: [] };
const ended: HostFact = {
  type: 'ended',
  end: { how: 'exited', exitCode: 0, signal: null, at: '2026-01-01T00:00:00.000Z' },
  stop: null,
  refusal: null,
  printed: { stdout: 6, stderr: 0 },
  files: null,
  work: null,
};

/** What homes and hosts require of every engine. @param open each call: one more connection to the same engine */
export function fleetContract(make: (t: TestContext) => Promise<() => Promise<Fleet>>): void {
  async function bench(t: TestContext) {
    const connect = await make(t);
    const open = async (): Promise<Fleet> => {
      const fleet = await connect();
      t.after(() => fleet.close());
      return fleet;
    };
    return { home: await open(), host: await open(), other: await open() };
  }
  const never = new AbortController().signal;
  const offerTo = async (home: Fleet, pool: string): Promise<Offer> => {
    const key = newKey();
    const order = await home.put(`${key.sessionId}.order`, Buffer.from('{"order":1}'));
    const offer = { key, pool, format: 1, order };
    await home.offer(offer);
    return offer;
  };

  describe('an offer', () => {
    it('reaches one host of its pool, with its order', async (t) => {
      const { home, host, other } = await bench(t);
      const offer = await offerTo(home, 'gpu');
      const taken = await host.take('gpu', 5_000, never);
      assert.deepEqual([taken?.key, taken?.pool, taken?.order], [offer.key, 'gpu', offer.order]);
      assert.equal(Buffer.from(await host.get(offer.order)).toString(), '{"order":1}');
      assert.equal(await other.take('gpu', 1_000, never), null);
      await taken?.accept();
    });

    it('is waited for without leaving anything on the signal of the host', async (t) => {
      const { home, host } = await bench(t);
      const { signal } = new AbortController();
      await offerTo(home, 'clean');
      await (await host.take('clean', 5_000, signal))?.accept();
      assert.equal(await host.take('clean', 1_000, signal), null);
      assert.deepEqual(getEventListeners(signal, 'abort'), []);
    });

    it('that is repeated is one offer, and of its own pool', async (t) => {
      const { home, host } = await bench(t);
      const offer = await offerTo(home, 'a');
      await home.offer(offer);
      const taken = await host.take('a', 5_000, never);
      await taken?.accept();
      assert.equal(await host.take('a', 1_000, never), null);
      await offerTo(home, 'b');
      assert.equal(await host.take('a', 1_000, never), null);
    });

    it('that a host gives back reaches another', async (t) => {
      const { home, host, other } = await bench(t);
      const { key } = await offerTo(home, 'back');
      await (await host.take('back', 5_000, never))?.giveBack(1);
      const taken = await other.take('back', 5_000, never);
      assert.deepEqual(taken?.key, key);
      await taken?.accept();
    });

    it('tells for whom it is, and comes again when that changes', async (t) => {
      const { home, host } = await bench(t);
      const offer = await offerTo(home, 'some');
      const terms = { era: await home.era(), hosts: ['box-1', 'box-2'] };
      await home.offer(offer, terms);
      const taken = [await host.take('some', 5_000, never), await host.take('some', 5_000, never)];
      assert.deepEqual(
        taken.map((one) => one?.terms),
        [null, terms],
      );
      for (const one of taken) await one?.accept();
    });

    it('is not waited for after an abort', async (t) => {
      const { host } = await bench(t);
      const abort = new AbortController();
      const taking = host.take('none', 60_000, abort.signal);
      abort.abort();
      assert.equal(await taking, null);
    });
  });

  describe('a claim', () => {
    it('is made once, whoever is first', async (t) => {
      const { host, other, home } = await bench(t);
      const key = newKey();
      const made = await Promise.all(
        [host, other, home, host].map((fleet, index) => fleet.claim(key, { ...claimed, host: `h${index}` })),
      );
      assert.equal(made.filter((revision) => revision !== null).length, 1);
      const winner = made.findIndex((revision) => revision !== null);
      const stored = await home.claimOf(key);
      assert.deepEqual(stored, { claim: { ...claimed, host: `h${winner}` }, revision: made[winner] });
    });

    it('changes only from the revision that is known', async (t) => {
      const { host, home } = await bench(t);
      const key = newKey();
      assert.equal(await home.claimOf(key), null);
      const first = (await host.claim(key, claimed)) ?? 0;
      const running = { ...claimed, phase: 'running' as const };
      const second = await host.renew(key, running, first);
      assert.notEqual(second, null);
      assert.equal(await home.renew(key, { ...claimed, host: null, phase: 'ended' }, first), null);
      assert.deepEqual(await home.claimOf(key), { claim: running, revision: second });
    });

    it('is removed at the revision that is known, and made again', async (t) => {
      const { host, home } = await bench(t);
      const key = newKey();
      const first = (await host.claim(key, claimed)) ?? 0;
      await host.unclaim(key, first + 100);
      assert.equal((await home.claimOf(key))?.revision, first);
      await host.unclaim(key, first);
      assert.equal(await home.claimOf(key), null);
      assert.notEqual(await home.claim(key, { ...claimed, host: 'two' }), null);
    });

    it('that was meant for another era is none', async (t) => {
      const { host, home } = await bench(t);
      const key = newKey();
      const seen: AttemptClaim[] = [];
      const stop = await home.follow(key, {
        claim: ({ claim }) => seen.push(claim),
        output: () => {},
        fact: () => {},
      });
      t.after(stop);
      const calledBack = { ...claimed, host: null, phase: 'ended' as const };
      await home.claim(key, { ...calledBack, era: 'an earlier one' });
      assert.equal(await host.claimOf(key), null);
      await home.claim(key, { ...calledBack, era: 'an earlier one' });
      assert.notEqual(await host.claim(key, claimed), null);
      const other = newKey();
      const now = { ...calledBack, era: await home.era() };
      assert.notEqual(await home.claim(other, now), null);
      assert.equal(await host.claim(other, claimed), null);
      assert.deepEqual((await host.claimOf(other))?.claim, now);
      await until(() => seen.length > 0);
      assert.deepEqual(seen, [claimed]);
    });

    it('outlives what is forgotten', async (t) => {
      const { host } = await bench(t);
      const key = newKey();
      await host.claim(key, claimed);
      await host.forget(key);
      assert.equal(await host.claim(key, claimed), null);
    });
  });

  describe('a session', () => {
    it('that is forgotten leaves nothing but its claims and wishes, and nothing of another is touched', async (t) => {
      const { home, host } = await bench(t);
      const first = newKey();
      const second = { ...first, attempt: 2 };
      const other = newKey();
      for (const key of [first, second, other]) {
        await host.claim(key, claimed);
        await home.desire(key, wish);
        await host.append(key, 'stdout', 0, Buffer.from('text'));
        await host.tell(key, ended);
        await home.put(
          `${key.project}.${key.sessionId}.${key.agentId}.${key.attempt}.order`,
          Buffer.from('{}'),
        );
      }
      await home.put(`${first.project}.code.1`, Buffer.from('for all'));
      const left = async (key: AttemptKey): Promise<unknown[]> => {
        const { project, sessionId, agentId, attempt } = key;
        const told: string[] = [];
        const stop = await home.follow(key, {
          claim: () => told.push('claim'),
          output: () => told.push('output'),
          fact: () => told.push('fact'),
        });
        await until(() => told.includes('claim'), 'the claim');
        const printed = await home.appended(key, 'stdout');
        if (printed > 0) await until(() => told.length === 3, 'everything');
        stop();
        const wished = (await host.desired(key))?.number ?? 0;
        return [
          told.sort(),
          printed,
          wished,
          await home.has(`${project}.${sessionId}.${agentId}.${attempt}.order`),
        ];
      };
      for (let times = 1; times <= 2; times++) {
        await home.forgetSession(first);
        assert.deepEqual(await left(first), [['claim'], 0, 1, false]);
        assert.deepEqual(await left(second), [['claim'], 0, 1, false]);
        assert.deepEqual(await left(other), [['claim', 'fact', 'output'], 4, 1, true]);
      }
      assert.equal(await home.has(`${first.project}.code.1`), true);
    });
  });

  describe('what is followed', () => {
    it('is what there was and what comes, each piece of output and each fact once', async (t) => {
      const { home, host } = await bench(t);
      const key = newKey();
      const seen: unknown[] = [];
      await host.append(key, 'stdout', 0, Buffer.from('one'));
      await host.append(key, 'stdout', 0, Buffer.from('one'));
      const stop = await home.follow(key, {
        claim: ({ claim }) => seen.push(claim.phase),
        output: (stream, offset, bytes) => seen.push([stream, offset, Buffer.from(bytes).toString()]),
        fact: ({ type }) => seen.push(type),
      });
      await until(() => seen.length === 1, 'the first piece');
      await host.claim(key, claimed);
      await until(() => seen.length === 2, 'the claim');
      await host.append(key, 'stderr', 0, Buffer.from('no'));
      await until(() => seen.length === 3, 'stderr');
      await host.append(key, 'stdout', 3, Buffer.from('two'));
      await until(() => seen.length === 4, 'the next piece');
      await host.tell(key, ended);
      await host.tell(key, ended);
      await until(() => seen.length === 5, 'the fact');
      stop();
      assert.deepEqual(seen, [
        ['stdout', 0, 'one'],
        'claimed',
        ['stderr', 0, 'no'],
        ['stdout', 3, 'two'],
        'ended',
      ]);
      assert.deepEqual([await host.appended(key, 'stdout'), await host.appended(key, 'stderr')], [6, 2]);
      assert.equal(await host.appended(newKey(), 'stdout'), 0);
    });

    it('has every fact once by its name', async (t) => {
      const { home, host } = await bench(t);
      const key = newKey();
      const sample = { cpuMs: 1, memoryBytes: 2, processes: 1, outputBytes: 0 };
      for (const number of [1, 1, 2]) await host.tell(key, { type: 'used', number, sample });
      const limit = { failure: 'timeout', explanation: 'It ran too long.' } as const;
      for (const _ of [1, 2]) await host.tell(key, { type: 'limited', limit });
      const told: string[] = [];
      const stop = await home.follow(key, {
        claim: () => {},
        output: () => {},
        fact: (fact) => told.push(factName(fact)),
      });
      await until(() => told.length === 3, 'the facts');
      stop();
      assert.deepEqual(told, ['used.1', 'used.2', 'limited']);
    });

    it('has no output with a gap', async (t) => {
      const { host } = await bench(t);
      const key = newKey();
      await assert.rejects(host.append(key, 'stdout', 3, Buffer.from('two')), /up to byte 0/);
      await host.append(key, 'stdout', 0, Buffer.from('one'));
      await assert.rejects(host.append(key, 'stdout', 2, Buffer.from('two')), /up to byte 3/);
      await host.append(key, 'stdout', 3, Buffer.from('two'));
      assert.equal(await host.appended(key, 'stdout'), 6);
    });

    it('has no gap when an earlier process of the host is heard late', async (t) => {
      const { home: earlier, host } = await bench(t);
      const key = newKey();
      assert.equal(await host.appended(key, 'stdout'), 0);
      await earlier.append(key, 'stdout', 0, Buffer.from('one'));
      await assert.rejects(host.append(key, 'stdout', 0, Buffer.from('onetwo')));
      assert.equal(await host.appended(key, 'stdout'), 3);
    });

    it('is bytes, whatever they are', async (t) => {
      const { home, host } = await bench(t);
      const key = newKey();
      const bytes = Buffer.from(Array.from({ length: 200_000 }, (_, index) => (index * 7) % 256));
      await host.append(key, 'stdout', 0, bytes);
      const got: Uint8Array[] = [];
      const stop = await home.follow(key, {
        claim: () => {},
        output: (_stream, _offset, piece) => got.push(piece),
        fact: () => {},
      });
      await until(() => got.length === 1, 'the bytes');
      stop();
      assert.ok(Buffer.from(got[0] as Uint8Array).equals(bytes));
    });
  });

  describe('a wish', () => {
    it('is not replaced by an older one that arrives late', async (t) => {
      const { home, host } = await bench(t);
      const key = newKey();
      assert.equal(await host.desired(key), null);
      await home.desire(key, { ...wish, number: 7 });
      await home.desire(key, { ...wish, number: 6, isPaused: true });
      assert.deepEqual(await host.desired(key), { ...wish, number: 7 });
    });

    it('is told to a host that comes later, and so is every change', async (t) => {
      const { home, host } = await bench(t);
      const key = newKey();
      await home.desire(key, wish);
      const heard: number[] = [];
      const stop = await host.wishes(key, ({ number }) => heard.push(number));
      await until(() => heard.length === 1, 'the wish');
      await home.desire(key, { ...wish, number: 2, stop: { graceMs: 5 } });
      await until(() => heard.length === 2, 'the change');
      assert.equal((await home.desired(key))?.number, 2);
      assert.equal(await home.desired(newKey()), null);
      stop();
      assert.deepEqual(heard, [1, 2]);
    });
  });

  describe('a host', () => {
    it('is listed as it has described itself, and beats', async (t) => {
      const { home, host } = await bench(t);
      const at = '2026-01-01T00:00:00.000Z';
      const report: HostReport = {
        ...{ name: 'box-1', incarnation: 'i1', pools: ['a', 'b'], slots: 2, running: 1, freeMemoryMb: 512 },
        ...{ isDraining: false, labels: { zone: 'b' }, version: '0.1.0', at, format: 1, homes: null },
        backends: [
          { name: 'claude', isInstalled: true, version: '2.1', signedIn: 'no', heldUntil: at },
          { name: 'command', isInstalled: true, version: null, signedIn: 'yes', heldUntil: null },
        ],
      };
      await host.announce(report);
      assert.deepEqual(
        (await home.hosts()).filter(({ name }) => name === 'box-1'),
        [report],
      );
      assert.equal(await home.lastBeat('box-1', 'i1'), null);
      await host.beat('box-1', 'i1', '');
      await host.beat('box-1', 'i1', await host.era());
      assert.deepEqual(
        [await home.lastBeat('box-1', 'i1'), await home.lastBeat('box-1', 'i2')],
        [await home.era(), null],
      );
    });
  });

  describe('a blob', () => {
    it('is refused if it is not what was announced', async (t) => {
      const { home, host } = await bench(t);
      const blob = await home.put('x.files', Buffer.from('content'));
      assert.equal(Buffer.from(await host.get(blob)).toString(), 'content');
      await assert.rejects(host.get({ ...blob, sha256: '0'.repeat(64) }), { code: 'INVALID_INPUT' });
      await assert.rejects(host.get({ ...blob, name: 'y.files' }), { code: 'INVALID_INPUT' });
      assert.deepEqual([await home.has('x.files'), await home.has('y.files')], [true, false]);
    });

    it('goes from a file into a file, which is not there if it is not what was announced', async (t) => {
      const { home, host } = await bench(t);
      const folder = mkdtempSync(join(tmpdir(), 'maos-blob-'));
      t.after(() => rmSync(folder, { recursive: true }));
      const [from, to] = [join(folder, 'from'), join(folder, 'to')];
      const bytes = Buffer.from(Array.from({ length: 700_001 }, (_, index) => (index * 7) % 251));
      writeFileSync(from, bytes);
      const blob = await home.putFile('f.files', from);
      assert.equal(blob.sha256, createHash('sha256').update(bytes).digest('hex'));
      await assert.rejects(host.getFile({ ...blob, sha256: '0'.repeat(64) }, to), { code: 'INVALID_INPUT' });
      await assert.rejects(host.getFile({ ...blob, name: 'g.files' }, to), { code: 'INVALID_INPUT' });
      assert.deepEqual(readdirSync(folder), ['from']);
      await host.getFile(blob, to);
      assert.ok(bytes.equals(readFileSync(to)));
      assert.deepEqual(readdirSync(folder), ['from', 'to']);
      assert.ok(bytes.equals(await host.get(blob)));
    });

    it('of several megabytes comes as it went', async (t) => {
      const { home, host } = await bench(t);
      const bytes = Buffer.from(Array.from({ length: 3_000_001 }, (_, index) => (index * 7) % 251));
      const blob = await home.put('z.files', bytes);
      assert.ok(bytes.equals(await host.get(blob)));
    });
  });
}
