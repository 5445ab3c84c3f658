import type { SessionId } from './ids.ts';

const digits = '0123456789ABCDEFGHJKMNPQRSTVWXYZ';
/** Characters of a ULID that hold the time; see https://github.com/ulid/spec. */
const timeLength = 10;

/** When the session was created, from its id; ISO 8601. */
export function sessionBegan(id: SessionId): string {
  const text = id.slice('sess_'.length, 'sess_'.length + timeLength);
  const ms = [...text].reduce((sum, digit) => sum * digits.length + digits.indexOf(digit), 0);
  return new Date(ms).toISOString();
}
