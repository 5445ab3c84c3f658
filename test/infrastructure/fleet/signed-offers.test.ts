import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nkeys } from '@nats-io/transport-node';
import type { Offer } from '../../../src/application/ports/fleet.ts';
import { decodeOffer, encodeOffer } from '../../../src/infrastructure/fleet/signed-offers.ts';
import { newKey } from '../../helpers/fleet-contract.ts';

const key = newKey();
const offer: Offer = { key, pool: 'gpu', format: 1, order: { name: 'order', sha256: 'a'.repeat(64) } };
const terms = { era: 'first', hosts: ['box', 'can'] };
const home = nkeys.createUser();
const stranger = nkeys.createUser();

function sent(pair = home) {
  return JSON.parse(encodeOffer(offer, terms, pair));
}

describe('an offer', () => {
  it('comes with the public key of the home that has signed it', () => {
    assert.deepEqual(decodeOffer(sent()), { ...offer, terms, home: home.getPublicKey() });
  });

  it('of a home without a key, or of an earlier version, is of no home', () => {
    assert.deepEqual(decodeOffer(JSON.parse(encodeOffer(offer, null, null))), {
      ...offer,
      terms: null,
      home: null,
    });
    const { format, ...earlier } = offer;
    assert.deepEqual(decodeOffer(earlier), { ...offer, format: 0, terms: null, home: null });
  });

  const { signed } = sent();
  const forged: readonly (readonly [what: string, change: object])[] = [
    ['another order', { order: { ...offer.order, sha256: 'b'.repeat(64) } }],
    ['another pool', { pool: 'cpu' }],
    ['another attempt', { key: { ...key, attempt: 2 } }],
    ['another project', { key: { ...key, project: 'b'.repeat(64) } }],
    ['another format', { format: 0 }],
    ['another era', { terms: { ...terms, era: 'second' } }],
    ['another host', { terms: { ...terms, hosts: ['box', 'forger'] } }],
    ['any host', { terms: null }],
    ['the name of another home', { signed: { ...sent(stranger).signed, by: signed.by } }],
    ['a malformed key', { signed: { ...signed, by: `U${'A'.repeat(55)}` } }],
    ['a malformed signature', { signed: { ...signed, signature: 'AAAA' } }],
  ];
  for (const [what, change] of forged) {
    it(`that was changed to ${what} after it was signed is refused`, () => {
      assert.throws(() => decodeOffer({ ...sent(), ...change }), {
        code: 'INVALID_INPUT',
        message: /signature/,
      });
    });
  }
});
