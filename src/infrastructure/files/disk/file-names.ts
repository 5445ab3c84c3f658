import { isUtf8 } from 'node:buffer';

/**
 * Problem: on Linux a name can contain any bytes. Node replaces those that are not UTF-8 with U+FFFD, and the resulting
 * name does not exist.
 * Solution: read folders with {@link nameEncoding}, which keeps every byte, and write the bytes that are not text as
 * `\xE9` for people, records and archives. {@link bytesOfPath} converts back.
 */
export const nameEncoding = 'latin1';

/** @param name as read with {@link nameEncoding} */
export function bytesOfName(name: string): Buffer {
  return Buffer.from(name, nameEncoding);
}

/** A name as text: UTF-8 as it is, every other byte as `\x` and two digits. */
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

/**
 * The reverse of {@link textOfName}. Null for text without such an escape, which is its own name. Escapes stand for
 * bytes from 0x80 on only.
 */
export function bytesOfPath(text: string): Buffer | null {
  const parts = text.split(/\\x([89A-F][0-9A-F])/);
  if (parts.length === 1) return null;
  return Buffer.concat(
    parts.map((part, index) => (index % 2 === 1 ? Buffer.from(part, 'hex') : Buffer.from(part, 'utf8'))),
  );
}

/** Joins paths byte for byte. */
export function joinBytes(folder: string | Buffer, name: Buffer): Buffer {
  return Buffer.concat([typeof folder === 'string' ? Buffer.from(folder, 'utf8') : folder, slash, name]);
}

const slash = Buffer.from('/');
