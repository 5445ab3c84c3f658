import { isUtf8 } from 'node:buffer';
import { createHash } from 'node:crypto';
import type { Dirent } from 'node:fs';
import { type FileHandle, lstat, open, readdir, readlink } from 'node:fs/promises';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { ReadableStream } from 'node:stream/web';
import { createGzip } from 'node:zlib';
import { createTarPacker } from 'modern-tar';
import type { ArchiveDocument, ArchiveReport, ArchiveSink } from '../../../application/ports/maintenance.ts';
import { isTemporaryName } from '../disk/atomic.ts';
import { fileError, isMissing, systemCode } from '../disk/file-error.ts';
import { bytesOfName, joinBytes, nameEncoding, textOfName } from '../disk/file-names.ts';
import { safeRead } from '../session/output.ts';
import { openTarget } from './archive-target.ts';

const chunkBytes = 256 * 1024;
/** Documents are packed in pieces of about this many characters. */
const textChunk = 64 * 1024;
/** The last time that a tar header can hold: 11 octal digits of seconds. */
const lastTimeMs = (8 ** 11 - 1) * 1_000;

/** Worktrees, also half-removed ones, and checkouts of checks. */
const inGit = /^agents\/[^/]+\/(?:worktree|checks\/[^/]+\/tree)(?:\.removed.*)?$/;

interface ManifestEntry {
  readonly path: string;
  readonly bytes?: number;
  readonly sha256?: string;
  readonly link?: string;
}

interface ArchiveJob {
  /** Absolute: the whole folder is packed, except worktrees and checkouts, which are in git. */
  readonly folder: string;
  /** Name of the folder in the archive. */
  readonly name: string;
  readonly documents: readonly ArchiveDocument[];
  readonly to: string | ArchiveSink;
  readonly replace: boolean;
  /** Further content of the manifest. */
  readonly about: object;
  readonly signal?: AbortSignal;
}

/** Packs a session's folder of any size, piece by piece. A file that grows meanwhile is packed up to its initial size. */
export async function writeArchive(job: ArchiveJob): Promise<ArchiveReport> {
  const { to, replace, signal } = job;
  const target = await openTarget(to, replace);
  try {
    const packer = new Packer(job);
    const packed = Readable.fromWeb(packer.readable as ReadableStream<Uint8Array>);
    const gzip = createGzip();
    const packing = pipeline(packed, gzip, { signal });
    const written = target.write(gzip, signal);
    // When one of them fails, the others end too.
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

/** Only the session's own folder must be there: below it, files may go while they are packed. */
function missingNote({ path }: Place): string | null {
  return path === ''
    ? 'the folder of the session is missing: only its records in the database are packed'
    : null;
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
    for await (const place of this.#places({ path: '', at: Buffer.from(this.#job.folder) })) {
      const { path } = place;
      // Archives are made to be shared; the user's environment is private.
      if (path === 'environment.json') continue;
      if (made.has(path))
        this.#notes.push({ path, note: 'not packed: the archive already has a file of that name' });
      else await this.#pack(place);
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

  /** All files below the folder, sorted by name. Adds the folders to the archive on the way. */
  async *#places(folder: Place): AsyncGenerator<Place> {
    let entries: Dirent[];
    try {
      entries = await readdir(folder.at, { withFileTypes: true, encoding: nameEncoding });
    } catch (error) {
      const note = isMissing(error) ? missingNote(folder) : `not packed: ${systemCode(error)}`;
      if (note !== null) this.#notes.push({ path: folder.path || this.#job.folder, note });
      return;
    }
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    for (const entry of entries) {
      const bytes = bytesOfName(entry.name);
      const name = textOfName(bytes);
      const path = folder.path === '' ? name : `${folder.path}/${name}`;
      if (!isUtf8(bytes)) {
        this.#notes.push({ path, note: 'its name is not UTF-8: \\x marks bytes that are not text' });
      }
      const place = { path, at: joinBytes(folder.at, bytes) };
      if (entry.isDirectory() && inGit.test(path)) continue;
      if (entry.isDirectory()) {
        await this.#add({ path: `${path}/`, type: 'directory', size: 0, mode: 0o700 });
        yield* this.#places(place);
      } else if (!isTemporaryName(name)) yield place;
    }
  }

  async #pack({ path, at }: Place): Promise<void> {
    try {
      const stats = await ofSource(lstat(at));
      if (stats.isSymbolicLink()) {
        return await this.#packLink(path, textOfName(await ofSource(readlink(at, { encoding: 'buffer' }))));
      }
      if (stats.isFile()) return await this.#packFile(path, at);
      this.#notes.push({ path, note: 'not packed: not a file, folder or link' });
    } catch (error) {
      // An error of the archive itself ends the packing; a file that cannot be read is listed in the manifest.
      if (!(error instanceof SourceError)) throw error;
      this.#notes.push({ path, note: `not packed: ${error.message}` });
    }
  }

  async #packLink(path: string, target: string): Promise<void> {
    await this.#add({ path, type: 'symlink', size: 0, linkname: target });
    this.#entries.push({ path, link: target });
  }

  async #packFile(path: string, at: Buffer): Promise<void> {
    const file = await ofSource(open(at, safeRead));
    try {
      const { size, mtimeMs, mode } = await ofSource(file.stat());
      const mtime = new Date(Math.min(Math.max(mtimeMs, 0), lastTimeMs));
      const writer = this.#begin({ path, type: 'file', size, mtime, mode: mode & 0o777 }).getWriter();
      const hash = createHash('sha256');
      let position = 0;
      while (position < size) {
        // A new buffer per piece, because the packer keeps it until it is compressed.
        const wanted = Math.min(chunkBytes, size - position);
        const piece = await this.#piece(file, path, wanted, position);
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

  /** Returns zeros for what cannot be read any more: the header already contains the size. */
  async #piece(file: FileHandle, path: string, wanted: number, position: number): Promise<Uint8Array> {
    try {
      const { bytesRead, buffer } = await file.read(Buffer.allocUnsafeSlow(wanted), 0, wanted, position);
      if (bytesRead > 0) return buffer.subarray(0, bytesRead);
      this.#noteShort(path, `was truncated while being read: zeros follow after byte ${position}`);
    } catch (error) {
      this.#noteShort(path, `could not be read (${systemCode(error)}): zeros follow after byte ${position}`);
    }
    return new Uint8Array(wanted);
  }

  /** At most one note per file. */
  #noteShort(path: string, note: string): void {
    if (this.#notes.at(-1)?.path !== path) this.#notes.push({ path, note });
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

/** The path in the session's folder as text, and the absolute path in bytes. */
interface Place {
  readonly path: string;
  readonly at: Buffer;
}

/** A file of the session that cannot be read. */
class SourceError extends Error {}

async function ofSource<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked;
  } catch (error) {
    throw new SourceError(systemCode(error) ?? String(error), { cause: error });
  }
}
