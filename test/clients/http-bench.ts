/** The built MAOS as a server over HTTP, in a workplace: a process of its own, which clients come to. */
import assert from 'node:assert/strict';
import { readServerLogs } from './server-log.ts';
import type { Message } from './wire.ts';
import type { Ended, Running, Workplace } from './workplace.ts';

/** The ways in which MCP is spoken over HTTP, by the names that Claude Code and the Inspector have for them. */
export const transports = [
  { transport: 'http', path: '/mcp' },
  { transport: 'sse', path: '/sse' },
] as const;

export interface HttpMaos {
  /** Where it listens, without a path. */
  readonly url: string;
  readonly port: number;
  readonly token: string;
  /** The header that a client has to send. */
  readonly header: { readonly Authorization: string };
  readonly pid: number;
  /** Ends it by SIGKILL and waits. */
  kill(): Promise<void>;
  /** Starts it again where it was. */
  startAgain(): Promise<void>;
  /** Ends it as a user would, by SIGTERM; it must end well, and have had nothing to say but where it listens. */
  end(): Promise<void>;
}

/** Starts `maos serve --http 0 --no-stdio` and waits until it listens. The workplace ends it with everything else. */
export async function serveHttp(workplace: Workplace): Promise<HttpMaos> {
  let { running, url } = await listen(workplace, 0);
  const { status, stdout, stderr } = await workplace.maos('token');
  assert.equal(status, 0, stderr);
  const token = stdout.trim();
  const stop = async (signal: NodeJS.Signals): Promise<Ended> => {
    running.child.kill(signal);
    return running.ended;
  };
  return {
    url,
    port: portOf(url),
    token,
    header: { Authorization: `Bearer ${token}` },
    get pid() {
      return running.child.pid ?? assert.fail('it runs no more');
    },
    async kill() {
      assert.equal((await stop('SIGKILL')).signal, 'SIGKILL');
    },
    async startAgain() {
      ({ running, url } = await listen(workplace, portOf(url)));
    },
    async end() {
      const { status, stdout, stderr } = await stop('SIGTERM');
      assert.deepEqual([status, stdout, stderr.replace(opening, '')], [0, '', ''], stderr);
    },
  };
}

/** The client's messages (`sent`) or MAOS's, in order, over all sessions and processes. Needs `MAOS_LOG=trace`. */
export function passedOverHttp(workplace: Workplace, side: 'sent' | 'received'): Message[] {
  const direction = side === 'sent' ? 'in' : 'out';
  const records = readServerLogs(workplace).flat();
  return records.flatMap((record) => (record.direction === direction ? [record.body as Message] : []));
}

const opening = /^MAOS is listening on (http:\S+) .*\n/m;

async function listen(
  workplace: Workplace,
  port: number,
): Promise<{ readonly running: Running; readonly url: string }> {
  const running = workplace.startMaos('serve', '--http', String(port), '--no-stdio');
  let said = '';
  const url = await new Promise<string>((resolve, reject) => {
    running.child.stderr?.on('data', (chunk: Buffer) => {
      said += chunk;
      const found = opening.exec(said)?.[1];
      if (found !== undefined) resolve(found);
    });
    running.ended.then(({ stderr }) => reject(new Error(`MAOS does not listen: ${stderr}`)), reject);
  });
  return { running, url };
}

function portOf(url: string): number {
  return Number(new URL(url).port);
}
