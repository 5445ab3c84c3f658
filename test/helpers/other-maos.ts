import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import type { TestContext } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { RecordedEvent } from '../../src/domain/events.ts';
import type { SessionId } from '../../src/domain/ids.ts';
import type { PlanJson } from '../../src/presentation/contracts/plan-input.ts';
import type { StuckAt } from '../application/fixtures/owner-process.ts';
import type { RealProject, RealProjectOptions } from './real-project.ts';
import { inTime, until } from './waiting.ts';

const script = fileURLToPath(new URL('../application/fixtures/owner-process.ts', import.meta.url));

/** A second MAOS on the same machine, in a separate process. */
export interface OtherMaos {
  readonly process: ChildProcess;
  start(request: PlanJson): Promise<SessionId>;
  /** A matching event of its sessions, in any order; each is returned only once. */
  event(matches: (event: RecordedEvent) => boolean): Promise<RecordedEvent>;
  /** It resumes a paused session. */
  resume(id: SessionId): void;
  /** From now on, it takes over sessions without an owner. */
  watch(): void;
  /**
   * Sends SIGSTOP between two writes to its databases: if it stopped during a write, it would hold the lock, and no
   * other process could store anything until it continues.
   */
  suspend(): Promise<void>;
  /** Sends SIGKILL, so that it cannot react. */
  kill(): Promise<void>;
}

export async function otherMaos(
  t: TestContext,
  { home, root, database }: RealProject,
  options: Pick<RealProjectOptions, 'settings' | 'storePatienceMs' | 'timing'> & {
    readonly stuckAt?: StuckAt;
    /** With the backend of {@link file://./fake-claude.ts}. */
    readonly hasClaude?: true;
  } = {},
): Promise<OtherMaos> {
  const child = spawn(
    process.execPath,
    ['--no-warnings', script, JSON.stringify({ home, root, ...options })],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const exited = once(child, 'exit');
  const kill = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null) child.kill('SIGKILL');
    await exited;
  };
  t.after(kill);
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const unmatched: RecordedEvent[] = [];
  async function next(): Promise<Record<string, unknown>> {
    const came = unmatched.map(({ type }) => type).join(' ');
    const line = await inTime(lines.next(), `the other MAOS says no more; what nobody asked for: ${came}`);
    if (line.done === true) throw new Error('the other MAOS has ended');
    return JSON.parse(line.value);
  }
  await next();
  return {
    process: child,
    kill,
    async suspend() {
      for (;;) {
        child.kill('SIGSTOP');
        await until(() => isStopped(child.pid as number));
        if ([database, join(home, 'instances.db')].every(isFree)) return;
        child.kill('SIGCONT');
        await turn();
      }
    },
    resume: (id) => void child.stdin.write(`${JSON.stringify({ resume: id })}\n`),
    watch: () => void child.stdin.write('{"watch":true}\n'),
    async start(request) {
      child.stdin.write(`${JSON.stringify(request)}\n`);
      for (;;) {
        const { session } = await next();
        if (session !== undefined) return session as SessionId;
      }
    },
    async event(matches) {
      const index = unmatched.findIndex(matches);
      const [early] = index === -1 ? [] : unmatched.splice(index, 1);
      if (early !== undefined) return early;
      for (;;) {
        const record = await next();
        if (!('seq' in record)) continue;
        const event = record as unknown as RecordedEvent;
        if (matches(event)) return event;
        unmatched.push(event);
      }
    },
  };
}

function isStopped(pid: number): boolean {
  return execFileSync('ps', ['-o', 'state=', '-p', String(pid)], { encoding: 'utf8' }).startsWith('T');
}

/** Whether no process is writing to the database. */
function isFree(file: string): boolean {
  const db = new DatabaseSync(file, { timeout: 0 });
  try {
    db.exec('BEGIN IMMEDIATE; ROLLBACK');
    return true;
  } catch {
    return false;
  } finally {
    db.close();
  }
}
