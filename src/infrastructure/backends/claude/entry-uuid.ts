import { randomBytes } from 'node:crypto';

/*
 * Claude Code identifies messages by UUID. It accepts each UUID only once per conversation, even after resuming it, and
 * prints the UUIDs of accepted messages. MAOS uses ULIDs. Both have 128 bits, so a message's UUID is its ULID in
 * another notation: it is the same in every attempt, and MAOS can convert it back.
 */

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** The last millisecond that a ULID can represent, in the year 10889; no message has it. */
const promptTime = 'ffffffffffff';

/** @param entry `msg_` and a ULID; anything else is the prompt of an attempt, which gets a different UUID each time */
export function uuidOf(entry: string): string {
  const ulid = /^msg_([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(entry)?.[1];
  const hex =
    ulid === undefined
      ? promptTime + randomBytes(10).toString('hex')
      : [...ulid].reduce((sum, digit) => sum * 32n + BigInt(digits.indexOf(digit)), 0n).toString(16);
  return hex.padStart(32, '0').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Null: not a UUID. */
export function entryOf(uuid: string): string | null {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return null;
  const hex = uuid.replaceAll('-', '');
  if (hex.startsWith(promptTime)) return 'prompt';
  let ulid = '';
  for (let rest = BigInt(`0x${hex}`), at = 0; at < 26; at++, rest /= 32n)
    ulid = digits[Number(rest % 32n)] + ulid;
  return `msg_${ulid}`;
}
