import { createHash } from 'node:crypto';
import type { ObjectResult, ObjectStore } from '@nats-io/obj';
import { type BlobName, maxBlobBytes } from '../../application/ports/fleet.ts';
import { MaosError, quote } from '../../domain/errors.ts';

/** How long to wait for a piece before looking whether the blob has been replaced. */
const quietMs = 1_000;

/**
 * The content of a blob.
 * @throws MaosError INVALID_INPUT, at the latest after the last piece, unless it is what was announced; Error if it is
 *   replaced or removed meanwhile
 */
export async function* piecesOf(blobs: ObjectStore, { name, sha256 }: BlobName): AsyncGenerator<Uint8Array> {
  const found = await blobs.get(name);
  if (found === null) throw wrongBlob(name, 'is missing');
  const digest = createHash('sha256');
  let length = 0;
  for await (const piece of arriving(blobs, found)) {
    length += piece.length;
    // Throwing ends the loop, which cancels the rest.
    if (length > maxBlobBytes) throw wrongBlob(name, 'is too large');
    digest.update(piece);
    yield piece;
  }
  if (digest.digest('hex') !== sha256) throw wrongBlob(name, 'has another content than announced');
}

/** Fails if the blob is removed or replaced: the client would wait for the rest for ever. */
async function* arriving(
  blobs: ObjectStore,
  { info, data, error }: ObjectResult,
): AsyncGenerator<Uint8Array> {
  // The reader rejects too.
  error.catch(() => {});
  const reader = data.getReader();
  try {
    for (;;) {
      const next = reader.read();
      while (await isLate(next)) {
        const current = await blobs.info(info.name);
        if (current?.nuid !== info.nuid)
          throw new Error(`The blob ${info.name} was replaced while it was read.`);
      }
      const { value, done } = await next;
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => {});
  }
}

async function isLate(task: Promise<unknown>): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => {
    timer = setTimeout(resolve, quietMs, true);
  });
  const settled = task.then(
    () => false,
    () => false,
  );
  try {
    return await Promise.race([settled, late]);
  } finally {
    clearTimeout(timer);
  }
}

function wrongBlob(name: string, why: string): MaosError {
  return new MaosError('INVALID_INPUT', `The blob ${quote(name)} on the NATS server ${why}.`);
}
