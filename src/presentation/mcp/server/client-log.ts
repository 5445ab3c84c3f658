import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { LogLevel } from '../../../application/ports/log.ts';
import type { Connection } from './connection.ts';
import { answer } from './requests.ts';

/** The levels of MCP (RFC 5424), most important first. */
const levels = [
  'emergency',
  'alert',
  'critical',
  'error',
  'warning',
  'notice',
  'info',
  'debug',
] as const satisfies readonly LoggingLevel[];

/** MCP's names for MAOS's levels. `trace` is never sent, because it would log its own messages. */
const names: Readonly<Record<LogLevel, (typeof levels)[number] | null>> = {
  error: 'error',
  warn: 'warning',
  info: 'info',
  debug: 'debug',
  trace: null,
};

const levelParams = z.looseObject({ level: z.enum(levels) });

/** Maximum number of unsent messages for a client that does not read. */
const mostUnsent = 100;

/**
 * Handles `logging/setLevel`, and sends log records of this process to the client: from the requested level upwards,
 * initially `warning`, independent of the log file's level.
 */
export function serveClientLog({ server, runtime, ending }: Connection): void {
  let least = levels.indexOf('warning');
  let unsent = 0;
  const unwatch = runtime.watchLog((ownLevel, message, fields) => {
    const level = names[ownLevel];
    if (level === null || levels.indexOf(level) > least || unsent >= mostUnsent) return;
    unsent += 1;
    const params = { level, logger: 'maos', data: { message, ...fields } };
    const sent = server.notification({ method: 'notifications/message', params });
    // Not connected yet or any more; the log file has the record.
    void sent
      .catch(() => {})
      .finally(() => {
        unsent -= 1;
      });
  });
  ending.addEventListener('abort', unwatch);

  answer(server, 'logging/setLevel', levelParams, async ({ level }) => {
    least = levels.indexOf(level);
    return {};
  });
}
