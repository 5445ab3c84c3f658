import { isUtf8 } from 'node:buffer';

/**
 * Problem: on Linux a name is any bytes, and Node hands over those that are no UTF-8 with U+FFFD in their places: nothing
 * is found under such a name any more.
 * Solution: folders are read with the encoding {@link nameEncoding}, which keeps every byte, and what cannot be text is
 * written `\xE9` for people, records and archives. {@link bytesOfPath} finds the way back.
 */
export const nameEncoding = 'latin1';

/** @param name as read with {@link nameEncoding} */
export function bytesOfName(name: string): Buffer {
  return Buffer.from(name, nameEncoding);
}

/** A name as text: what is UTF-8 as it is, every other byte as `\x` and two digits. */
export function textOfName(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  let text = '';
  for (let at = 0; at < bytes.length; ) {
    const length = [1, 2, 3, 4].find(
      (count) => at + count <= bytes.length && isUtf8(bytes.subarray(at, at + count)),
    );
    text +=
      length === undefined
        ? `\\x${(bytes[at] as number).toString(16).toUpperCase().padStart(2, '0')}`
        : bytes.toString('utf8', at, at + length);
    at += length ?? 1;
  }
  return text;
}

/** The other way; null for a text without `\x…` of such a byte, which is its own name. No byte of ASCII comes from one. */
export function bytesOfPath(text: string): Buffer | null {
  const parts = text.split(/\\x([89A-F][0-9A-F])/);
  if (parts.length === 1) return null;
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.from(part, 'hex') : Buffer.from(part, 'utf8'))),
  );
}

/** A path below a folder, byte for byte. */
export function joinBytes(folder: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([typeof folder === 'string' ? Buffer.from(folder, 'utf8') : folder, slash, name]);
}

const slash = Buffer.from('/');
