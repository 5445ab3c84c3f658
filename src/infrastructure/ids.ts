import { randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { IdSource } from '../application/ports/id-source.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const suffixLength = 6;
/** The largest multiple of 36 in a byte: from 252 on, the first four letters would come up more often. */
const fairBelow = 256 - (256 % alphabet.length);

function randomSuffix(): string {
  let text = '';
  while (text.length < suffixLength) {
    for (const byte of randomBytes(suffixLength)) {
      if (byte < fairBelow && text.length < suffixLength) text += alphabet[byte % alphabet.length];
    }
  }
  return text;
}

/** Ids from the machine's clock and its cryptographic randomness; each source counts for itself. */
export function makeIdSource(): IdSource {
  // Ids of one millisecond still sort in the order they were made, and stay so when the clock is set back.
  const next = monotonicFactory();
  return { ulid: () => next(), suffix: randomSuffix };
}
