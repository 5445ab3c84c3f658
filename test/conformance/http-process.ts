import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import type { Command } from './server-process.ts';

export interface HttpServerProcess {
  readonly url: string;
  /**
   * Ends it and waits.
   * @returns its violations: an exit status other than 0, output on stderr, or more output than its address
   */
  close(): Promise<readonly string[]>;
}

/** Starts a server that prints its address, and ends with its input. */
export async function openHttpServer({ script, folder, env }: Command): Promise<HttpServerProcess> {
  const child = spawn(process.execPath, [...script], { cwd: folder, env, stdio: ['pipe', 'pipe', 'pipe'] });
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>;
  const complaint = text(child.stderr);
  const lines: string[] = [];
  const printed = createInterface(child.stdout).on('line', (line) => lines.push(line));
  const begun = await Promise.race([once(printed, 'line').then(() => true), ended.then(() => false)]);
  if (!begun) throw new Error(`${script.join(' ')} ended at once: ${await complaint}`);
  return {
    url: lines[0] ?? '',
    async close() {
      child.stdin.end();
      const [status, signal] = await ended;
      const problems = lines.slice(1).map((line) => `stdout had the line ${line}`);
      const end = `${script.join(' ')} ended with ${signal ?? status}: ${await complaint}`;
      return status === 0 && (await complaint) === '' ? problems : [...problems, end];
    },
  };
}
