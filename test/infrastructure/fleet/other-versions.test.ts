import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import * as z from 'zod';
import type { HostFact } from '../../../src/application/ports/fleet.ts';
import { notStarted, orderFormat, specDefaults } from '../../../src/domain/agent.ts';
import { decodeOrder, orderShape } from '../../../src/infrastructure/fleet/launch-order.ts';
import { readClaim, readFact, readHost, readWish } from '../../../src/infrastructure/fleet/messages.ts';
import { decodeOffer } from '../../../src/infrastructure/fleet/signed-offers.ts';

/** What a home and a host of an earlier version have really sent: before orders had a form, and offers a signature. */
const recorded = JSON.parse(
  readFileSync(new URL('../../fixtures/fleet/format-0.json', import.meta.url), 'utf8'),
);
const read = (order: object) => decodeOrder(Buffer.from(JSON.stringify(order)));

/** As a newer version may send it: each object in it says more. */
function newer(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(newer);
  if (typeof value !== 'object' || value === null) return value;
  const entries = Object.entries(value).map(([key, member]) => {
    // What has any keys, and what never gets more.
    const isClosed = ['data', 'labels', 'key', 'bundle', 'files', 'order'].includes(key);
    return [key, isClosed ? member : newer(member)];
  });
  return { ...Object.fromEntries(entries), more: { than: ['before'] } };
}

const told: readonly (readonly [
  what: string,
  read: (value: unknown) => unknown,
  messages: readonly unknown[],
])[] = [
  ['a claim', readClaim, recorded.claims],
  ['a wish', readWish, recorded.wishes],
  ['a fact', readFact, recorded.facts],
];

describe('what another version of MAOS sends', () => {
  for (const [what, reader, messages] of told) {
    it(`is read: ${what}, of an earlier one as it is, and of a newer one without what is new`, () => {
      assert.ok(messages.length > 0);
      for (const message of messages) {
        assert.deepEqual(reader(message), message);
        assert.deepEqual(reader(newer(message)), message);
      }
    });
  }

  it('has every kind of fact that tells of a start and of an end', () => {
    const kinds = recorded.facts.map(({ type }: HostFact) => type);
    assert.deepEqual(kinds, ['spawned', 'used', 'ended']);
  });

  it('is a report of a host, which is of form 0 and works for all homes', () => {
    const { report } = recorded;
    assert.deepEqual(readHost(report), { ...report, format: 0, homes: null });
    assert.deepEqual(readHost(newer(report)), { ...report, format: 0, homes: null });
  });

  it('is an offer, which is of form 0 and not signed', () => {
    const { offer } = recorded;
    assert.deepEqual(decodeOffer(offer), { ...offer, format: 0, terms: null, home: null });
    assert.deepEqual(decodeOffer(newer(offer)), { ...offer, format: 0, terms: null, home: null });
  });

  it('is an order, of which everything must be understood', () => {
    const { order } = recorded;
    assert.deepEqual(read(order).agent.command, order.agent.command);
    assert.throws(() => read({ ...order, more: 1 }), { code: 'INVALID_INPUT', message: /more/ });
    const agent = { ...order.agent, budget: { ...order.agent.budget, maxJoules: 1 } };
    assert.throws(() => read({ ...order, agent }), { code: 'INVALID_INPUT', message: /maxJoules/ });
  });

  it('is an order of a form with a number of its own', () => {
    const { order } = recorded;
    const agent = { ...specDefaults, ...notStarted, ...order.agent };
    assert.deepEqual(read(order), { ...order, agent });
    const shape = JSON.stringify(z.toJSONSchema(orderShape, { unrepresentable: 'any', io: 'input' }));
    const digest = createHash('sha256').update(shape).digest('hex').slice(0, 12);
    assert.deepEqual(
      { orderFormat, digest },
      { orderFormat: 1, digest: 'c2e9483945cb' },
      'What an order may say has changed: raise orderFormat, and write the new pair here.',
    );
  });
});
