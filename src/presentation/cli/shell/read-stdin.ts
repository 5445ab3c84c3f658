import { MaosError } from '../../../domain/errors.ts';

/**
 * Reads stdin to its end, as text.
 * @param what names it in the error
 * @throws MaosError INVALID_INPUT as soon as it exceeds the maximum
 */
export async function readAll(stdin: NodeJS.ReadableStream, what: string, maxBytes: number): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stdin) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > maxBytes) throw tooLarge(what, maxBytes);
    chunks.push(bytes);
  }
  return Buffer.concat(chunks).toString();
}

export function tooLarge(what: string, maxBytes: number): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `${what} is larger than the maximum of ${maxBytes / 1024 / 1024} MiB.`,
  );
}
