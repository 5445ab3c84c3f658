import { randomBytes } from 'node:crypto';

/*
 * Claude Code names messages by UUIDs, takes none twice in a conversation, also when it goes on with it later, and shows
 * the UUID of each message that it has taken. MAOS names them by ULIDs. Both have 128 bits, so a message's UUID is its
 * ULID in other digits: the same in every attempt, and the id can be told from it.
 */

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** The last millisecond that a ULID can name, in the year 10889: no message's. */
const promptTime = 'ffffffffffff';

/** @param entry `msg_` and a ULID; anything else is taken for the prompt of one attempt, which has another every time */
export function uuidOf(entry: string): string {
  const ulid = /^msg_([0-7][0-9A-HJKMNP-TV-Z]{25})$/.exec(entry)?.[1];
  const hex =
    ulid === undefined
      ? promptTime + randomBytes(10).toString('hex')
      : [...ulid].reduce((sum, digit) => sum * 32n + BigInt(digits.indexOf(digit)), 0n).toString(16);
  return hex.padStart(32, '0').replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
}

/** Null for what is no UUID. */
export function entryOf(uuid: string): string | null {
  if (!/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(uuid)) return null;
  const hex = uuid.replaceAll('-', '');
  if (hex.startsWith(promptTime)) return 'prompt';
  let ulid = '';
  for (let rest = BigInt(`0x${hex}`), at = 0; at < 26; at++, rest /= 32n)
    ulid = digits[Number(rest % 32n)] + ulid;
  return `msg_${ulid}`;
}
