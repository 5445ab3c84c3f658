import { readFile } from 'node:fs/promises';
import * as z from 'zod';
import type { HostQuotas } from '../../application/ports/hosting.ts';
import { writeFileAtomic } from '../files/disk/atomic.ts';

const shape = z.record(z.string(), z.iso.datetime());

/** Stores them in a file. Without the file, no refusal is known. */
export function makeHostQuotas(file: string): HostQuotas {
  return {
    async read() {
      try {
        return shape.parse(JSON.parse(await readFile(file, 'utf8')));
      } catch {
        return {};
      }
    },
    write: (heldUntil) => writeFileAtomic(file, JSON.stringify(heldUntil)),
  };
}
