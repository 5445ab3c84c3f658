import { EventEmitter } from 'node:events';
import { posix } from 'node:path';
import { Readable, Writable } from 'node:stream';
import type { TeamAsk, TeamCall, TeamOutcome } from '../application/ports/team-calls.ts';
import type { Runtime } from '../application/runtime.ts';
import { explained } from '../application/system-error.ts';
import { MaosError, quote } from '../domain/errors.ts';
import { callingAgent } from './calling-agent.ts';
import { projectAccess } from './project-access.ts';
import { relayedCommands } from './relayed-calls.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/**
 * Does what a program of an agent on another machine asks of its team, as the program would do it here.
 * @param env the variables of the agent; what the call makes has the id in MAOS_AGENT_CALL
 */
export async function carryOut(
  runtime: Runtime,
  env: Environment,
  { id, ask }: TeamCall,
  signal: AbortSignal,
): Promise<TeamOutcome> {
  const own = { ...env, MAOS_AGENT_CALL: id };
  try {
    return ask.type === 'tool'
      ? await callTool(runtime, own, ask, signal)
      : await runCommand(runtime, own, ask, signal);
  } catch (error) {
    const known = explained(error);
    if (known === null) runtime.log('error', 'a call of an agent on another machine failed', { id, error });
    const { code, message } = known ?? new MaosError('INTERNAL', 'This failed because of a bug in MAOS.');
    return { type: 'error', code, message };
  }
}

async function callTool(
  runtime: Runtime,
  env: Environment,
  { name, input }: TeamAsk & { readonly type: 'tool' },
  signal: AbortSignal,
): Promise<TeamOutcome> {
  const { agentRegistry } = await import('./mcp/agent/registry.ts');
  const tool = agentRegistry(env).tools.find((known) => known.name === name);
  if (tool === undefined) {
    throw new MaosError('INVALID_INPUT', `The home of this agent has no tool ${quote(name)}.`);
  }
  const { content } = await tool.call(input, {
    ...projectAccess(runtime, env.MAOS_PROJECT_ROOT ?? ''),
    signal,
    client: { request: async () => ({}), notify: async () => {} },
    input: null,
    names: {},
    notifyProgress: () => {},
  });
  const texts = content.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  return { type: 'text', text: texts.join('\n\n') };
}

async function runCommand(
  runtime: Runtime,
  env: Environment,
  { args, stdin, folder }: TeamAsk & { readonly type: 'command' },
  signal: AbortSignal,
): Promise<TeamOutcome> {
  const [name = ''] = args;
  if (!relayedCommands.has(name)) {
    throw new MaosError('FORBIDDEN', `The home of this agent does not run 'maos ${name}' for it.`);
  }
  const agent = await callingAgent(runtime, env, '');
  if (agent === null) throw new MaosError('FORBIDDEN', 'This call is of no agent.');
  const { project, caller } = agent;
  const { session, agents } = project.store.load(caller.sessionId);
  const [own] = agents.filter(({ id }) => id === caller.agentId);
  const root = own === undefined ? '/' : project.host.locations(session, own).projectRoot;
  const { runCli } = await import('./cli/cli.ts');
  const stdout = new Collector();
  const stderr = new Collector();
  const signals = new EventEmitter();
  const interrupt = (): void => void signals.emit('SIGINT');
  signal.addEventListener('abort', interrupt, { once: true });
  const status = await runCli(args, () => lent(runtime), {
    ...{ env, stdout, stderr, signals, script: 'maos', endingSignals: ['SIGINT'] },
    stdin: Readable.from([stdin]),
    cwd: posix.resolve(root, folder),
    exit: () => {},
    parseText: runtime.parseText,
    replaceFile: async (path) => {
      throw new MaosError('FORBIDDEN', `${quote(path)} is not written for an agent.`);
    },
  });
  return { type: 'exit', status, stdout: stdout.text, stderr: stderr.text };
}

/** The runtime is this process's, and stays open when a command is done. */
function lent(runtime: Runtime): Runtime {
  return new Proxy(runtime, {
    get(target, name) {
      if (name === 'close') return () => {};
      if (name === 'detach' || name === 'finishNotifications') return async () => {};
      const member: unknown = Reflect.get(target, name);
      return typeof member === 'function' ? member.bind(target) : member;
    },
  });
}

class Collector extends Writable {
  text = '';

  override _write(chunk: Buffer | string, _encoding: string, done: () => void): void {
    this.text += String(chunk);
    done();
  }
}
