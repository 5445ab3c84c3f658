import { randomBytes } from 'node:crypto';
import { monotonicFactory } from 'ulid';
import type { IdSource } from '../application/ports/id-source.ts';

const alphabet = 'abcdefghijklmnopqrstuvwxyz0123456789';
const suffixLength = 6;
/** The largest multiple of 36 in a byte: larger values would favour the first four letters. */
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

/** Ids from the machine's clock and cryptographic randomness; each source counts independently. */
export function makeIdSource(): IdSource {
  // Ids of the same millisecond still sort in order of creation, even when the clock is set back.
  const next = monotonicFactory();
  return { ulid: () => next(), suffix: randomSuffix };
}
