import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';

/** A second real process for the storage tests, which runs a task of fixtures/store-process.ts. */

const script = fileURLToPath(new URL('fixtures/store-process.ts', import.meta.url));

export interface StoreProcess {
  readonly process: ChildProcess;
  /** The next line of its stdout; undefined after the last. */
  next(): Promise<string | undefined>;
  /** The lines to the end; rejects if the process fails. */
  finish(): Promise<readonly string[]>;
}

export function runStoreProcess(
  t: TestContext,
  task: string,
  args: readonly string[],
  options: SpawnOptions = {},
): StoreProcess {
  const child = spawn(process.execPath, ['--no-warnings', script, task, ...args], {
    ...options,
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const exited = once(child, 'close');
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  t.after(async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  });
  const next = async (): Promise<string | undefined> => {
    const line = await lines.next();
    return line.done === true ? undefined : line.value;
  };
  return {
    process: child,
    next,
    async finish() {
      const rest: string[] = [];
      for (let line = await next(); line !== undefined; line = await next()) rest.push(line);
      const [code, signal] = await exited;
      if (code !== 0) throw new Error(`${task} ended with ${code ?? signal}: ${rest.join('\n')}`);
      return rest;
    },
  };
}
