import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { lstat, open, readdir, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGzip } from 'node:zlib';
import { createTarPacker } from 'modern-tar';
import type { ArchiveDocument, ArchiveReport, ArchiveSink } from '../../application/keeping-ports.ts';
import { openTarget } from './archive-target.ts';
import { isTemporaryName } from './atomic.ts';
import { fileError, isMissing, systemCode } from './file-error.ts';
import { safeRead } from './output.ts';

const chunkBytes = 256 * 1024;
/** Text of documents is packed in pieces of about this many characters. */
const textChunk = 64 * 1024;

interface ManifestEntry {
  readonly path: string;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly link?: string;
}

interface ArchiveJob {
  /** Absolute: everything in it is packed. */
  readonly folder: string;
  /** Of the folder in the archive. */
  readonly name: string;
  readonly documents: readonly ArchiveDocument[];
  readonly to: string | ArchiveSink;
  readonly replace: boolean;
  /** What the manifest says besides. */
  readonly about: object;
  readonly signal?: AbortSignal;
}

/**
 * Packs a session's folder piece by piece, whatever its size.
 * A file that grows meanwhile is packed up to the size it had.
 */
export async function writeArchive(job: ArchiveJob): Promise<ArchiveReport> {
  const { to, replace, signal } = job;
  const target = await openTarget(to, replace);
  try {
    const packer = new Packer(job);
    const packed = Readable.fromWeb(packer.readable as ReadableStream<Uint8Array>);
    const gzip = createGzip();
    const packing = pipeline(packed, gzip, { signal });
    const written = target.write(gzip, signal);
    // Whichever of them fails, the others end with it.
    const all = [packing, written, packer.run().catch((error: unknown) => packer.fail(error))] as const;
    const [, archiveBytes] = await Promise.all(all);
    await target.finish();
    return { path: target.path, ...packer.totals, archiveBytes };
  } catch (error) {
    if (signal?.aborted || target.path === null) throw error;
    throw fileError(error, 'write', target.path);
  } finally {
    await target.dispose();
  }
}

class Packer {
  readonly readable: unknown;
  readonly #job: ArchiveJob;
  readonly #controller: ReturnType<typeof createTarPacker>['controller'];
  readonly #entries: ManifestEntry[] = [];
  readonly #notes: { path: string; note: string }[] = [];
  #contentBytes = 0;

  constructor(job: ArchiveJob) {
    const { readable, controller } = createTarPacker();
    this.#job = job;
    this.#controller = controller;
    this.readable = readable;
  }

  get totals(): Pick<ArchiveReport, 'files' | 'contentBytes' | 'notes'> {
    return { files: this.#entries.length, contentBytes: this.#contentBytes, notes: this.#notes };
  }

  async run(): Promise<void> {
    const { documents, about } = this.#job;
    const made = new Set([...documents.map(({ path }) => path), 'manifest.json']);
    for await (const path of this.#paths('')) {
      if (made.has(path)) this.#notes.push({ path, note: 'not packed: the archive has a file of that name' });
      else await this.#pack(path);
    }
    for (const document of documents) await this.#packDocument(document);
    const manifest = { version: 1, ...about, files: this.#entries, notes: this.#notes };
    const text = `${JSON.stringify(manifest, null, 2)}\n`;
    await this.#packDocument({ path: 'manifest.json', text: () => [text] });
    this.#controller.finalize();
  }

  fail(error: unknown): never {
    this.#controller.error(error);
    throw error;
  }

  /** Everything below a folder that is no folder, and folders that are empty, by name. */
  async *#paths(folder: string): AsyncGenerator<string> {
    let entries: Dirent[];
    try {
      entries = await readdir(join(this.#job.folder, folder), { withFileTypes: true });
    } catch (error) {
      if (!isMissing(error)) this.#notes.push({ path: folder, note: `not packed: ${systemCode(error)}` });
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`;
      if (entry.isDirectory()) {
        await this.#add({ path: `${path}/`, type: 'directory', size: 0, mode: 0o700 });
        yield* this.#paths(path);
      } else if (!isTemporaryName(entry.name)) yield path;
    }
  }

  async #pack(path: string): Promise<void> {
    const absolute = join(this.#job.folder, path);
    try {
      const stats = await lstat(absolute);
      if (stats.isSymbolicLink()) return await this.#packLink(path, await readlink(absolute));
      if (stats.isFile()) return await this.#packFile(path, absolute);
      this.#notes.push({ path, note: 'not packed: neither file, folder nor link' });
    } catch (error) {
      const code = systemCode(error);
      // Of the archive's own trouble nothing may be left out; of the agent's files, what cannot be read is named.
      if (!(error instanceof SourceError) && code !== 'ENOENT') throw error;
      this.#notes.push({ path, note: `not packed: ${code ?? (error as Error).message}` });
    }
  }

  async #packLink(path: string, target: string): Promise<void> {
    await this.#add({ path, type: 'symlink', size: 0, linkname: target });
    this.#entries.push({ path, link: target });
  }

  async #packFile(path: string, absolute: string): Promise<void> {
    const file = await open(absolute, safeRead).catch((error: unknown) => {
      throw new SourceError(systemCode(error) ?? String(error));
    });
    try {
      const { size, mtime, mode } = await file.stat();
      const writer = this.#begin({ path, type: 'file', size, mtime, mode: mode & 0o777 }).getWriter();
      const hash = createHash('sha256');
      let position = 0;
      while (position < size) {
        // A buffer of its own for every piece: the packer keeps it until it is compressed.
        const wanted = Math.min(chunkBytes, size - position);
        const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
        const piece = bytesRead === 0 ? new Uint8Array(wanted) : buffer.subarray(0, bytesRead);
        if (bytesRead === 0) this.#noteShort(path, position);
        hash.update(piece);
        await writer.write(piece);
        position += piece.length;
      }
      await writer.close();
      this.#contentBytes += size;
      this.#entries.push({ path, bytes: size, sha256: hash.digest('hex') });
    } finally {
      await file.close();
    }
  }

  #noteShort(path: string, at: number): void {
    if (this.#notes.at(-1)?.path === path) return;
    this.#notes.push({ path, note: `became shorter meanwhile: zeros stand for what follows byte ${at}` });
  }

  async #packDocument({ path, text }: ArchiveDocument): Promise<void> {
    const hash = createHash('sha256');
    let size = 0;
    for (const piece of text()) {
      size += Buffer.byteLength(piece);
      hash.update(piece);
    }
    const writer = this.#begin({ path, type: 'file', size, mode: 0o600 }).getWriter();
    let waiting = '';
    for (const piece of text()) {
      waiting += piece;
      if (waiting.length < textChunk) continue;
      await writer.write(Buffer.from(waiting));
      waiting = '';
    }
    if (waiting !== '') await writer.write(Buffer.from(waiting));
    await writer.close();
    this.#contentBytes += size;
    this.#entries.push({ path, bytes: size, sha256: hash.digest('hex') });
  }

  async #add(header: Header): Promise<void> {
    await this.#begin(header).close();
  }

  #begin({ path, ...header }: Header) {
    return this.#controller.add({ ...header, name: `${this.#job.name}/${path}` });
  }
}

interface Header {
  readonly path: string;
  readonly type: 'file' | 'directory' | 'symlink';
  readonly size: number;
  readonly mtime?: Date;
  readonly mode?: number;
  readonly linkname?: string;
}

/** A file of the session that cannot be read. */
class SourceError extends Error {}
