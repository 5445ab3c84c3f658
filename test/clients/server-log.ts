/** What servers under `MAOS_LOG=trace` wrote of their conversations. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { readJsonLines, type Workplace } from './workplace.ts';

/** A message of the protocol as `trace.ts` records it, or another line of the log. */
interface LogRecord {
  readonly message: string;
  readonly direction?: 'in' | 'out';
  readonly kind?: string;
  readonly method?: string;
  readonly id?: unknown;
  readonly body?: { readonly params?: { readonly progressToken?: unknown; readonly requestId?: unknown } };
  readonly reason?: string;
  readonly callsUnderWay?: number;
}

/** The records of one process, in their order. */
export type ServerLog = readonly LogRecord[];

/** The log of each process, in the order they were started. */
export function readServerLogs({ maosHome }: Workplace): readonly ServerLog[] {
  const folder = join(maosHome, 'logs');
  // Nobody has had anything to say.
  if (!existsSync(folder)) return [];
  const files = readdirSync(folder).sort();
  return files.map((name) => {
    const whole = readFileSync(join(folder, name), 'utf8');
    // One that still runs may be in the middle of a line.
    return readJsonLines<LogRecord>(whole.slice(0, whole.lastIndexOf('\n') + 1));
  });
}

/** Whether a client asked it anything. */
export function hadClient(log: ServerLog): boolean {
  return log.some(({ direction, kind }) => direction === 'in' && kind === 'request');
}

/** With which requests the client began. */
export function openingOf(log: ServerLog): readonly string[] {
  return log.flatMap(({ direction, method = '' }) =>
    direction === 'in' && ['server/discover', 'initialize'].includes(method) ? [method] : [],
  );
}

/**
 * What the server sent of a request after it was over: progress after its answer, an answer after the client had called
 * it off. Clients of the SDK have the id of a request as its progress token.
 */
export function sentTooLate(log: ServerLog): readonly LogRecord[] {
  const answered = new Set<unknown>();
  const calledOff = new Set<unknown>();
  return log.filter(({ direction, kind, method, id, body }) => {
    if (direction === 'in' && method === 'notifications/cancelled') calledOff.add(body?.params?.requestId);
    if (direction !== 'out') return false;
    if (method === 'notifications/progress') return answered.has(body?.params?.progressToken);
    if (kind === 'response') answered.add(id);
    return kind === 'response' && calledOff.has(id);
  });
}

/** How the server came to its end; undefined when it did not say so. */
export function endOf(log: ServerLog): LogRecord | undefined {
  return log.find(({ message }) => message === 'the server ends');
}
