import { statSync } from 'node:fs';
import type { Runtime } from '../../application/runtime.ts';
import { answerEarly } from './handshake.ts';
import { serverIdentity } from './identity.ts';
import type { Registry } from './registry.ts';
import { StdioTransport } from './stdio-transport.ts';
import { traceMessages } from './trace.ts';

export interface StdioOptions {
  /** The folder whose project the tools work on; default: {@link clientFolder}. */
  readonly projectPath?: string;
  /** What is offered; default: everything MAOS has. */
  readonly loadRegistry?: () => Promise<Registry>;
}

/** From `initialize` until this server looks after the project: the client's first requests come before. */
const attendMs = 250;

/** So many lines that are no messages get into the log: a client that sends nothing else must not fill the disk. */
const mostComplaints = 100;

/** How long calls under way may take to come back once the server ends. */
const drainMs = 250;

/**
 * Serves MCP on stdin and stdout until the client goes: EOF, SIGTERM, SIGINT, SIGHUP, or nobody reading stdout.
 * Then hands the sessions over, before anything else, for a client may kill this process 30 ms later. When the
 * promise settles the caller ends the process; signals that still come are ignored.
 *
 * stdout belongs to the protocol from here on: what other code prints there goes to the log.
 */
export async function serveStdio(runtime: Runtime, options: StdioOptions = {}): Promise<void> {
  const gone = Promise.withResolvers<string>();
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => gone.resolve(signal));
  process.stdout.once('error', (error) => gone.resolve(String(error)));

  const write = claimStdout(runtime);
  const identity = serverIdentity(runtime.version);
  const complain = makeComplaintLog(runtime);
  const transport = new StdioTransport({
    input: process.stdin,
    write,
    answerEarly: (message) => answerEarly(message, identity),
    trace: (await runtime.logs('trace')) ? traceMessages(runtime) : null,
    onComplaint: ({ problem }) => complain({ problem }),
    onEnd: () => gone.resolve('EOF'),
  });
  const begun = await Promise.race([transport.begun.then(() => true), gone.promise.then(() => false)]);
  if (!begun) return flush(write);

  const ending = new AbortController();
  const calls = new Set<Promise<unknown>>();
  let changesUnderWay = 0;
  const projectPath = options.projectPath ?? clientFolder(process.env, process.cwd());
  const { makeMcpServer } = await import('./server.ts');
  const server = makeMcpServer({
    ...options,
    runtime,
    identity,
    projectPath,
    ending: ending.signal,
    onCall: (call, tool) => {
      const change = tool.annotations.readOnlyHint ? 0 : 1;
      calls.add(call);
      changesUnderWay += change;
      void call.finally(() => {
        calls.delete(call);
        changesUnderWay -= change;
      });
    },
  });
  server.onerror = (error) => complain({ error });
  server.onclose = () => gone.resolve('closed');
  let attending: NodeJS.Timeout | undefined;
  server.oninitialized = () => {
    attending = setTimeout(() => void attend(runtime, projectPath), attendMs);
  };
  await server.connect(transport);
  const reason = await gone.promise;
  clearTimeout(attending);
  let changing = changesUnderWay > 0;
  await handOver(runtime);
  runtime.log('info', 'mcp client gone', { reason, callsUnderWay: calls.size });
  // One turn for what was read last to become a call.
  await delay(0);
  changing ||= changesUnderWay > 0;
  ending.abort();
  if (calls.size > 0) await Promise.race([Promise.allSettled(calls), delay(drainMs)]);
  // A call that was under way may have started a session since.
  if (changing) await handOver(runtime);
  // One turn for the last answers to be written.
  await delay(0);
  await server.close();
  await flush(write);
}

/** `CLAUDE_PROJECT_DIR` when it is a folder: Claude Code may start servers elsewhere. Else the current folder. */
function clientFolder(env: Readonly<Record<string, string | undefined>>, cwd: string): string {
  const folder = env.CLAUDE_PROJECT_DIR;
  if (folder === undefined || folder === '') return cwd;
  return statSync(folder, { throwIfNoEntry: false })?.isDirectory() === true ? folder : cwd;
}

async function attend(runtime: Runtime, projectPath: string): Promise<void> {
  try {
    await runtime.attend(projectPath);
  } catch (error) {
    runtime.log('error', 'sessions of the project are not watched over', { error });
  }
}

async function handOver(runtime: Runtime): Promise<void> {
  try {
    await runtime.handOver();
  } catch (error) {
    // Whichever MAOS comes next takes the sessions over, as after a crash.
    runtime.log('error', 'sessions not handed over', { error });
  }
}

type Write = (text: string, done: () => void) => void;

/** Takes stdout for the protocol. @returns the only way to write to it */
function claimStdout(runtime: Runtime): Write {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (chunk.length > 0) runtime.log('warn', 'kept off stdout', { text: String(chunk).slice(0, 500) });
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

/** Who sent it is told as well; the log is told the first times. */
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
