import { appendFileSync, existsSync, readFileSync, writeFileSync } from 'node:fs';
import { normalize } from 'node:path';

/** The root of the in-memory machine's disk. All other paths are real, like a mounted project. */
export const memoryRoot = '/memory/';

export interface MemoryFile {
  readonly bytes: Buffer;
  readonly modifiedMs: number;
}

/** Files as programs of the in-memory machine see them. */
export class MemoryFiles {
  readonly #files = new Map<string, MemoryFile>();

  read(named: string): Buffer | null {
    const path = normalize(named);
    if (path.startsWith(memoryRoot)) return this.#files.get(path)?.bytes ?? null;
    return existsSync(path) ? readFileSync(path) : null;
  }

  exists(named: string): boolean {
    const path = normalize(named);
    return path.startsWith(memoryRoot) ? this.#files.has(path) : existsSync(path);
  }

  write(named: string, bytes: Buffer, append: boolean): void {
    const path = normalize(named);
    if (!path.startsWith(memoryRoot)) {
      if (append) appendFileSync(path, bytes);
      else writeFileSync(path, bytes);
      return;
    }
    const before = append ? (this.#files.get(path)?.bytes ?? Buffer.alloc(0)) : Buffer.alloc(0);
    this.#files.set(path, { bytes: Buffer.concat([before, bytes]), modifiedMs: Date.now() });
  }

  /** In-memory files below a folder, sorted by path. */
  below(folder: string): readonly (readonly [path: string, file: MemoryFile])[] {
    return [...this.#files]
      .filter(([path]) => path.startsWith(`${folder}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1));
  }
}
