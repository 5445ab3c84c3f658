import type { LoggingLevel } from '@modelcontextprotocol/sdk/types.js';
import * as z from 'zod';
import type { LogLevel } from '../../../application/ports/log.ts';
import type { Connection } from './connection.ts';
import { answer } from './requests.ts';

/** The levels of MCP (RFC 5424), the most important first. */
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

/** What MAOS's own levels are called there. `trace` goes to nobody: it would tell of its own messages. */
const names: Readonly<Record<LogLevel, (typeof levels)[number] | null>> = {
  error: 'error',
  warn: 'warning',
  info: 'info',
  debug: 'debug',
  trace: null,
};

const levelParams = z.looseObject({ level: z.enum(levels) });

/** A client that does not read is not told more than so much at once. */
const mostUnsent = 100;

/**
 * `logging/setLevel`, and what this process has to say to its log as messages to the client: from the level asked for
 * upwards, at first `warning`, independently of the log's own level.
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
    // Not connected yet, or no more: the log itself has it.
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
