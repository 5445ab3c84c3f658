import { nkeys } from '@nats-io/transport-node';
import type { Offer, OfferTerms } from '../../application/ports/fleet.ts';
import { MaosError } from '../../domain/errors.ts';
import { readOffer } from './messages.ts';
import type { KeyPair } from './nats-connection.ts';

/*
 * Problem: whoever may write to the NATS server can offer agents in the name of any home, because the server does not
 * say who sent a message.
 * Solution: a home signs its offers, including the order's digest, with the key that it signs in with.
 */

type Termed = Offer & { readonly terms: OfferTerms | null };

/** @param pair the home's; null: it has none, and the offer is not signed */
export function encodeOffer(offer: Offer, terms: OfferTerms | null, pair: KeyPair | null): string {
  const signed =
    pair === null
      ? null
      : {
          by: pair.getPublicKey(),
          signature: Buffer.from(pair.sign(signedPart({ ...offer, terms }))).toString('base64'),
        };
  return JSON.stringify({ ...offer, terms, signed });
}

/**
 * @returns the offer, and the public key of its home; null: it is not signed
 * @throws MaosError INVALID_INPUT
 */
export function decodeOffer(value: unknown): Termed & { readonly home: string | null } {
  const { signed, ...offer } = readOffer(value);
  if (signed === null) return { ...offer, home: null };
  if (isSigned(offer, signed)) return { ...offer, home: signed.by };
  throw new MaosError('INVALID_INPUT', 'The signature of an offer from another machine is wrong.');
}

function isSigned(offer: Termed, { by, signature }: { readonly by: string; readonly signature: string }) {
  try {
    return nkeys.fromPublic(by).verify(signedPart(offer), Buffer.from(signature, 'base64'));
  } catch {
    // The key or the signature is malformed.
    return false;
  }
}

function signedPart({ key, pool, format, order, terms }: Termed): Uint8Array {
  const { project, sessionId, agentId, attempt } = key;
  const said = [project, sessionId, agentId, attempt, pool, format, order.name, order.sha256];
  if (terms !== null) said.push(terms.era, ...terms.hosts);
  return Buffer.from(`maos offer ${JSON.stringify(said)}`);
}
