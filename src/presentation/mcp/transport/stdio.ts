import { statSync } from 'node:fs';
import type { Runtime } from '../../../application/runtime.ts';
import type { Serving } from '../../serving.ts';
import { StdioLane } from '../modern/stdio-lane.ts';
import { type ServerIdentity, serverIdentity } from '../server/identity.ts';
import type { Registry } from '../server/registry.ts';
import { answerEarly } from './handshake.ts';
import { StdioTransport } from './stdio-transport.ts';
import { traceMessages } from './trace.ts';

export interface StdioOptions {
  /** The folder whose project the tools work on; default: {@link clientFolder}. */
  readonly projectPath?: string;
  /** What the server offers; default: all of MAOS. */
  readonly loadRegistry?: () => Promise<Registry>;
  readonly identity?: ServerIdentity;
  /** Never takes over sessions without an owner. */
  readonly isOnlooker?: true;
}

/** Delay between `initialize` and watching the project, so that the client's first requests are not held up. */
const watchDelayMs = 250;

/** Maximum number of invalid lines logged, so that a broken client cannot fill the disk. */
const mostComplaints = 100;

/** How long sending the last responses may take. */
const drainMs = 250;

/**
 * Serves MCP on stdin and stdout until the client leaves: EOF, or stdout is closed. Settles when a client of the versions
 * with a handshake is served, or at the end.
 *
 * From here on stdout belongs to the protocol; other output to it goes to the log.
 * @returns a function that closes the connection after the last responses
 */
export async function openStdio(
  serving: Serving,
  runtime: Runtime,
  options: StdioOptions = {},
): Promise<() => Promise<void>> {
  process.stdout.once('error', (error) => serving.end(String(error)));
  const write = claimStdout(runtime);
  const { identity = serverIdentity(runtime.version), isOnlooker = false } = options;
  const complain = makeComplaintLog(runtime);
  const projectPath = options.projectPath ?? clientFolder(process.env, process.cwd());
  const { ending, onCall, repeatedCalls } = serving;
  const serverOptions = { ...options, runtime, identity, projectPath, ending, onCall, repeatedCalls };
  let watchTimer: NodeJS.Timeout | undefined;
  const startWatching = (): void => {
    if (!isOnlooker) watchTimer ??= setTimeout(() => void watchProject(runtime, projectPath), watchDelayMs);
  };
  void serving.gone.then(() => clearTimeout(watchTimer));
  const modern = new StdioLane({
    identity,
    async load() {
      startWatching();
      const { ModernServer } = await import('../modern/modern-server.ts');
      return new ModernServer(serverOptions);
    },
    send: (message) => transport.write(message),
  });
  const transport = new StdioTransport({
    input: process.stdin,
    write,
    answerEarly: (message) => answerEarly(message, identity),
    takeModern: (message) => modern.take(message),
    trace: (await runtime.logs('trace')) ? traceMessages(runtime) : null,
    onComplaint: ({ problem }) => complain({ problem }),
    onEnd: () => serving.end('EOF'),
  });
  const begun = await Promise.race([transport.begun.then(() => true), serving.gone.then(() => false)]);
  if (!begun) return () => flush(write);

  const { makeMcpServer } = await import('../server/server.ts');
  const server = makeMcpServer(serverOptions);
  server.onerror = (error) => complain({ error });
  server.onclose = () => serving.end('closed');
  server.oninitialized = startWatching;
  await server.connect(transport);
  return async () => {
    await server.close();
    await flush(write);
  };
}

/**
 * `CLAUDE_PROJECT_DIR` if it is a folder, because Claude Code may start servers elsewhere; otherwise the current
 * folder.
 */
function clientFolder(env: Readonly<Record<string, string | undefined>>, cwd: string): string {
  const folder = env.CLAUDE_PROJECT_DIR;
  if (folder === undefined || folder === '') return cwd;
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : cwd;
}

async function watchProject(runtime: Runtime, projectPath: string): Promise<void> {
  try {
    await runtime.watchProject(projectPath);
  } catch (error) {
    runtime.log('error', 'cannot watch the sessions of the project', { error });
  }
}

type Write = (text: string, done: () => void) => void;

/** Reserves stdout for the protocol. @returns the only way to write to it */
function claimStdout(runtime: Runtime): Write {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (chunk.length > 0)
      runtime.log('warn', 'output redirected from stdout', { text: String(chunk).slice(0, 500) });
    const done = rest.find((argument) => typeof argument === 'function');
    if (done !== undefined) process.nextTick(done as () => void);
    return true;
  };
  return (text, done) => {
    write(text, () => done());
  };
}

async function flush(write: Write): Promise<void> {
  await Promise.race([new Promise<void>((resolve) => write('', resolve)), delay(drainMs)]);
}

/** Logs the first complaints; senders are always informed. */
function makeComplaintLog(runtime: Runtime): (facts: Readonly<Record<string, unknown>>) => void {
  let count = 0;
  return (facts) => {
    count += 1;
    if (count > mostComplaints) return;
    const last = count === mostComplaints ? { furtherOnes: 'are not logged' } : {};
    runtime.log('warn', 'mcp message not understood', { ...facts, ...last });
  };
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
