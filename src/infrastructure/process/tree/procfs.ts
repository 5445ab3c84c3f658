import { closeSync, openSync, readSync } from 'node:fs';

/** For all reads, one after the other. As large as the longest file so far: an environment can have megabytes. */
let buffer = Buffer.allocUnsafeSlow(16 * 1024);

/**
 * Reads a file of procfs(5). Synchronous, because procfs answers from memory in some microseconds and a detour through
 * the thread pool takes ten times as long. Without `readFileSync`, which allocates 64 KiB for every file whose size it
 * cannot know.
 * @throws the error of the file system
 */
export function readProcText(path: string): string {
  const fd = openSync(path, 'r');
  try {
    let length = 0;
    for (;;) {
      const count = readSync(fd, buffer, length, buffer.length - length, null);
      if (count === 0) return buffer.toString('latin1', 0, length);
      length += count;
      if (length === buffer.length) buffer = Buffer.concat([buffer], 2 * length);
    }
  } finally {
    closeSync(fd);
  }
}
