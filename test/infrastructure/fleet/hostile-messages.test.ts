import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { jetstream } from '@nats-io/jetstream';
import { packTar } from 'modern-tar';
import type { HostFact, HostReport, Wish } from '../../../src/application/ports/fleet.ts';
import { isMaosError } from '../../../src/domain/errors.ts';
import { sessionLayout } from '../../../src/infrastructure/files/home/layout.ts';
import { connectToNats } from '../../../src/infrastructure/fleet/nats-connection.ts';
import { openNatsFleet } from '../../../src/infrastructure/fleet/nats-fleet.ts';
import { makeSharedFiles } from '../../../src/infrastructure/fleet/shared-files.ts';
import { newKey } from '../../helpers/fleet-contract.ts';
import { NatsServer } from '../../helpers/nats-server.ts';
import { until } from '../../helpers/waiting.ts';

const at = '2026-01-01T00:00:00.000Z';
const never = new AbortController().signal;
const report: HostReport = {
  ...{ name: 'box', incarnation: 'i1', pools: ['gpu'], labels: {}, slots: 1, running: 0, at },
  ...{ freeMemoryMb: 1, isDraining: false, backends: [], version: '0', format: 1, homes: null },
};
const wish: Wish = { number: 1, isPaused: false, stop: null, input: [], isInputOver: false, answers: [] };
const ended: HostFact = {
  ...{ type: 'ended', end: { how: 'lost', at }, stop: null, refusal: null },
  ...{ printed: { stdout: 0, stderr: 0 }, files: null, work: null },
};

/** What no field of a message may be, and no message. */
const garbage: readonly (readonly [what: string, text: string])[] = [
  ['no JSON', '{"type":'],
  ['no object', '[1,2]'],
  ['nothing', ''],
  ['a megabyte of nesting', '['.repeat(900_000)],
  ['a prototype', '{"__proto__":{"type":"ended"}}'],
];
const forgedFacts: readonly (readonly [what: string, fact: unknown])[] = [
  ['a fact of another version', { ...ended, type: 'finished' }],
  ['a negative length', { ...ended, printed: { stdout: -1, stderr: 0 } }],
  ['a blob with a path', { ...ended, files: { name: '../x', sha256: 'a'.repeat(64) } }],
  ['no time', { ...ended, end: { how: 'lost', at: 'now' } }],
];

describe('a NATS server on which somebody writes what MAOS does not', { timeout: 60_000 }, () => {
  it('ends nobody who listens: each such message is reported and ignored, and the next one arrives', async (t) => {
    const server = await NatsServer.start(t);
    const ignored: string[] = [];
    const access = { url: server.url, credentials: null, tls: { ca: null, cert: null, key: null } };
    const fleet = await openNatsFleet(access, 'both', (what, error) => ignored.push(`${what}: ${error}`));
    t.after(() => fleet.close());
    const connection = await connectToNats(access, 'hostile');
    t.after(() => connection.close());
    const js = jetstream(connection);
    const key = newKey();
    const id = `${key.project}.${key.sessionId}.${key.agentId}.1`;
    const fact = `maos.${key.project}.fact.${key.sessionId}.${key.agentId}.1`;
    const heard: string[] = [];
    const stops = [
      await fleet.follow(key, {
        claim: ({ claim: { phase } }) => heard.push(phase),
        output: (_stream, _offset, bytes) => heard.push(Buffer.from(bytes).toString()),
        fact: ({ type }) => heard.push(type),
      }),
      await fleet.wishes(key, ({ number }) => heard.push(`wish ${number}`)),
    ];
    const send = (subject: string, text: string) => js.publish(subject, text);
    for (const [, text] of garbage) {
      for (const subject of [fact, `$KV.maos_claim.${id}`, `$KV.maos_desired.${id}`])
        await send(subject, text);
    }
    for (const [, forged] of forgedFacts) await send(fact, JSON.stringify(forged));
    await send(`maos.${key.project}.out.${key.sessionId}.${key.agentId}.1.out`, 'output without an offset');
    const ofKind = (kind: string): number => ignored.filter((said) => said.startsWith(kind)).length;
    // A bucket keeps only the last entry, so that an earlier one may never be seen.
    await until(
      () =>
        ofKind('MAOS_FACT') === garbage.length + forgedFacts.length &&
        ofKind('MAOS_OUT') === 1 &&
        ofKind('a claim') > 0 &&
        ofKind('a wish') > 0,
      () => ignored.map((said) => said.slice(0, 100)).join('\n'),
    );
    assert.equal(heard.length, 0);
    await fleet.tell(key, ended);
    await fleet.desire(key, wish);
    await until(
      () => heard.includes('ended') && heard.includes('wish 1'),
      () => heard.join(),
    );
    for (const stop of stops) stop();
  });

  it('has no host in the list that is not what it says', async (t) => {
    const server = await NatsServer.start(t);
    const ignored: string[] = [];
    const access = { url: server.url, credentials: null, tls: { ca: null, cert: null, key: null } };
    const fleet = await openNatsFleet(access, 'both', (what, error) => ignored.push(`${what}: ${error}`));
    t.after(() => fleet.close());
    const connection = await connectToNats(access, 'hostile');
    t.after(() => connection.close());
    const js = jetstream(connection);
    await fleet.announce(report);
    const forged: readonly (readonly [name: string, text: string])[] = [
      ['other', JSON.stringify(report)],
      ['bad', JSON.stringify({ ...report, name: '../x' })],
      ['long', JSON.stringify({ ...report, name: 'long', version: 'v'.repeat(20_000) })],
      ['none', 'x'],
    ];
    for (const [name, text] of forged) await js.publish(`$KV.maos_host.${name}`, text);
    assert.deepEqual(await fleet.hosts(), [report]);
    assert.equal(ignored.length, forged.length);
  });

  it('gives no host an offer that cannot be read, and every later one', async (t) => {
    const server = await NatsServer.start(t);
    const access = { url: server.url, credentials: null, tls: { ca: null, cert: null, key: null } };
    const fleet = await openNatsFleet(access, 'both');
    t.after(() => fleet.close());
    const connection = await connectToNats(access, 'hostile');
    t.after(() => connection.close());
    const key = newKey();
    const order = { name: 'order', sha256: 'a'.repeat(64) };
    const offers: readonly unknown[] = [
      'x',
      { key: { ...key, agentId: '../../etc' }, pool: 'gpu', order },
      { key: { ...key, project: '/' }, pool: 'gpu', order },
      { key: { ...key, attempt: 0 }, pool: 'gpu', order },
      { key, pool: 'gpu', order: { ...order, name: 'a/../b' } },
      { key, pool: 'gpu', order, signed: { by: `U${'A'.repeat(55)}`, signature: 'AAAA' } },
      { key, pool: 'gpu', order, signed: { by: '../x', signature: '' } },
    ];
    for (const offer of offers) {
      await jetstream(connection).publish(`maos.${key.project}.offer.gpu`, JSON.stringify(offer));
      await assert.rejects(
        fleet.take('gpu', 5_000, never),
        (error: unknown) => error instanceof SyntaxError || isMaosError(error, 'INVALID_INPUT'),
      );
    }
    await fleet.offer({ key, pool: 'gpu', format: 1, order });
    assert.deepEqual((await fleet.take('gpu', 5_000, never))?.key, key);
  });
});

describe('an archive of files from another machine', () => {
  const tricks: readonly (readonly [name: string, entry: object])[] = [
    ['a path upwards', { name: '../../escaped' }],
    ['a path upwards from the results', { name: 'results/far/../../../escaped' }],
    ['an absolute path', { name: '/tmp/maos-escaped' }],
    ['a link', { name: 'results/far/link', type: 'symlink', linkname: '/etc' }],
    ['a hard link', { name: 'results/far/link', type: 'link', linkname: '/etc/passwd' }],
    ['a device', { name: 'results/far/null', type: 'character-device' }],
    ['the results of another agent', { name: 'results/near/report.txt' }],
    ['the database of the session', { name: 'metadata.json' }],
    ['a backslash', { name: 'results/far/a\\b' }],
    ['a long path', { name: `results/far/${'d/'.repeat(3_000)}x` }],
  ];
  for (const [what, header] of tricks) {
    it(`with ${what} is refused, and nothing of it is outside`, async (t) => {
      const folder = mkdtempSync(join(tmpdir(), 'maos-tricks-'));
      t.after(() => rmSync(folder, { recursive: true, force: true }));
      const files = makeSharedFiles(sessionLayout(folder));
      const { sessionId } = newKey();
      const isFile = !('type' in header);
      const archive = await packTar([
        { header: { size: isFile ? 1 : 0, ...header } as never, ...(isFile ? { body: 'x' } : {}) },
      ]);
      await assert.rejects(files.unpack(sessionId, 'far', archive), { code: 'FORBIDDEN' });
      const made = readdirSync(folder, { recursive: true, encoding: 'utf8' });
      assert.ok(!made.some((path) => /escaped|link|null|report|metadata/.test(path)), made.join());
    });
  }
});
