import { statSync } from 'node:fs';
import { Writable } from 'node:stream';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';
import type { Runtime } from '../../application/runtime.ts';
import { type Handshake, shakeHands } from './handshake.ts';
import { serverIdentity } from './identity.ts';

export interface StdioOptions {
  /** The folder whose project the tools work on; default: {@link clientFolder}. */
  readonly projectPath?: string;
}

/** From `initialize` until this server looks after the project: the client's first requests come before. */
const attendMs = 250;
/** JSON-RPC 2.0, section 5.1. */
const parseError = -32700;
const invalidRequest = -32600;

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
  process.stdin.once('end', () => gone.resolve('EOF'));
  process.stdin.once('close', () => gone.resolve('EOF'));
  process.stdout.once('error', (error) => gone.resolve(String(error)));

  const ending = new AbortController();
  const calls = new Set<Promise<unknown>>();
  let changesUnderWay = 0;
  const projectPath = options.projectPath ?? clientFolder(process.env, process.cwd());
  const wire = claimStdout(runtime);
  const identity = serverIdentity(runtime.version);
  const handshake = await shakeHands(process.stdin, (line) => wire.write(`${line}\n`), identity);
  const [{ StdioServerTransport }, { makeMcpServer }] = await Promise.all([
    import('@modelcontextprotocol/sdk/server/stdio.js'),
    import('./server.ts'),
  ]);
  const server = makeMcpServer({
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
  const transport = new StdioServerTransport(handshake.input, withoutAnswer(wire, handshake));
  server.onerror = (error) => {
    runtime.log('warn', 'mcp message not understood', { error });
    const answer = complaintAbout(error);
    if (answer !== null) void transport.send(answer);
  };
  server.onclose = () => gone.resolve('closed');
  let attending: NodeJS.Timeout | undefined;
  server.oninitialized = () => {
    attending = setTimeout(() => void attend(runtime, projectPath), attendMs);
  };
  await server.connect(transport);
  const reason = await gone.promise;
  clearTimeout(attending);
  const changing = changesUnderWay > 0;
  await handOver(runtime);
  runtime.log('info', 'mcp client gone', { reason, callsUnderWay: calls.size });
  ending.abort();
  if (calls.size > 0) {
    await Promise.race([Promise.allSettled(calls), delay(drainMs)]);
    // A call that was under way may have started a session since.
    if (changing) await handOver(runtime);
    // One turn for the last answers to be written.
    await delay(0);
  }
  await server.close();
  await Promise.race([new Promise<void>((resolve) => wire.end(resolve)), delay(drainMs)]);
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

/** Takes stdout for the protocol. @returns the only way to write to it */
function claimStdout(runtime: Runtime): Writable {
  const { stdout } = process;
  const write = stdout.write.bind(stdout);
  stdout.write = (chunk: string | Uint8Array, ...rest: unknown[]): boolean => {
    if (chunk.length > 0) runtime.log('warn', 'kept off stdout', { text: String(chunk).slice(0, 500) });
    const done = rest.find((argument) => typeof argument === 'function');
    if (done !== undefined) process.nextTick(done as () => void);
    return true;
  };
  return new Writable({
    decodeStrings: false,
    write: (chunk: string, encoding, done) => {
      write(chunk, encoding, done);
    },
  });
}

/** The client has its answer to `initialize` already: the SDK's own, its first message with that id, goes nowhere. */
function withoutAnswer(wire: Writable, { answered }: Handshake): Writable {
  if (answered === null) return wire;
  let isDue = true;
  return new Writable({
    decodeStrings: false,
    write: (line: string, encoding, done) => {
      if (isDue && JSON.parse(line).id === answered) {
        isDue = false;
        return done();
      }
      wire.write(line, encoding, done);
    },
  });
}

/** The answer JSON-RPC has for a line that is no message; null for other trouble. Whose id it had is not known. */
function complaintAbout(error: Error): JSONRPCMessage | null {
  if (error instanceof SyntaxError) {
    return {
      jsonrpc: '2.0',
      error: { code: parseError, message: 'Parse error: the line is not JSON.' },
    };
  }
  if (/ZodError$/.test(error.name)) {
    const message = 'Invalid request: the line is no JSON-RPC 2.0 message.';
    return { jsonrpc: '2.0', error: { code: invalidRequest, message } };
  }
  return null;
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
  });
}
