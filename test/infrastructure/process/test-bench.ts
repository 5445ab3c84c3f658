import { execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { fileURLToPath } from 'node:url';
import psList from 'ps-list';
import type {
  AgentHost,
  LaunchKey,
  LaunchSpec,
  PlacedLaunch,
  RunningAgent,
} from '../../../src/application/ports/agent-host.ts';
import type { Clock } from '../../../src/application/ports/clock.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { systemClock } from '../../../src/infrastructure/clock.ts';
import { makeAgentDisk } from '../../../src/infrastructure/process/host/agent-disk.ts';
import { makeLocalAgentHost } from '../../../src/infrastructure/process/host/local-agent-host.ts';
import { makeProcessTable } from '../../../src/infrastructure/process/tree/process-table.ts';
import { anotherAgent, unlimited } from './sample-agent.ts';

/** One agent with its own folder and a host. Everything it started is stopped after the test. */
export interface Bench {
  readonly folder: string;
  readonly agent: Agent;
  readonly key: LaunchKey;
  readonly host: AgentHost;
  readonly output: Collector;
  /** The host's log messages. */
  readonly logged: string[];
  start(program: string, args?: readonly string[], spec?: Partial<LaunchSpec>): Promise<RunningAgent>;
  attach(output?: Collector): Promise<RunningAgent>;
}

export async function makeBench(
  t: TestContext,
  options: {
    environment?: Record<string, string | undefined>;
    passedVariables?: readonly string[];
    workingDirectory?: string;
    identity?: { agent: Agent; key: LaunchKey };
    maxOutputBytes?: number;
    clock?: Clock;
    /** Whether a shell waits for the agent when it is started, as it does after another agent. */
    hasSpare?: boolean;
  } = {},
): Promise<Bench> {
  const folder = await mkdtemp(join(tmpdir(), 'maos-host-'));
  const { agent, key } = options.identity ?? anotherAgent();
  const logged: string[] = [];
  const output = new Collector();
  // Not shared with earlier samples, so that a test need not wait for a new one.
  const table = makeProcessTable();
  const folderOf = ({ agentId }: LaunchKey): string =>
    agentId === key.agentId ? folder : join(folder, agentId);
  const host = makeLocalAgentHost({
    disk: { ...makeAgentDisk({ projectFolder: folder, projectRoot: folder }), folderOf },
    capacity: unlimited,
    samplingTable: { snapshot: () => table.snapshot(), recent: () => table.snapshot() },
    clock: options.clock ?? { ...systemClock, after: () => () => {} },
    log: { log: (_, message, fields) => void logged.push(`${message} ${JSON.stringify(fields)}`) },
    maxOutputBytes: options.maxOutputBytes ?? null,
    ...(options.environment === undefined ? {} : { environment: options.environment }),
    ...(options.passedVariables === undefined ? {} : { passedVariables: options.passedVariables }),
  });
  const runs: RunningAgent[] = [];
  const remember = (running: RunningAgent): RunningAgent => {
    runs.push(running);
    return running;
  };
  t.after(async () => {
    for (const running of runs) {
      await running.stop(0);
      await running.ended;
    }
    await rm(folder, { recursive: true, force: true, maxRetries: 10, retryDelay: 50 });
  });
  async function prepareSpare(launch: PlacedLaunch): Promise<void> {
    const before = anotherAgent();
    await mkdir(folderOf(before.key));
    const spec = { ...launch, program: '/bin/echo', args: [], stdin: 'none' } as const;
    const running = await host.start(before.key, before.agent, spec, new Collector());
    await running.ended;
    await host.makeRoom(agent);
  }
  return {
    folder,
    agent,
    key,
    host,
    output,
    logged,
    async start(program, args = [], spec = {}) {
      const cwd = options.workingDirectory ?? folder;
      const launch = { program, args, env: {}, stdin: 'none', cwd, ...spec } as const;
      if (options.hasSpare === true) await prepareSpare({ ...launch, env: { BEFORE: '1' } });
      return remember(await host.start(key, agent, launch, output));
    },
    attach: async (sink = output) => remember(await host.attach(key, agent, sink)),
  };
}

/** Collects an agent's output, and waits for texts in it. */
export class Collector {
  readonly #chunks: Uint8Array[] = [];
  #waiting: (() => void)[] = [];

  isOwned(): boolean {
    return true;
  }

  stdout(chunk: Uint8Array): void {
    this.#chunks.push(chunk);
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const wake of waiting) wake();
  }

  get bytes(): Buffer {
    return Buffer.concat(this.#chunks);
  }

  get text(): string {
    return this.bytes.toString('utf8');
  }

  async heard(text: string): Promise<void> {
    while (!this.text.includes(text)) await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }
}

export function program(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/programs/${name}`, import.meta.url));
}

/** A unique number of seconds, with which a `sleep` can be found in a process list. */
export function rareSeconds(): string {
  return String(100_000 + Math.floor(Math.random() * 900_000));
}

/** Processes with the word in their arguments, found without MAOS's code. */
export async function processesWith(word: string): Promise<{ pid: number; cmd: string }[]> {
  return (await psList())
    .filter(({ pid, cmd }) => pid !== process.pid && cmd?.split(' ').includes(word))
    .map(({ pid, cmd }) => ({ pid, cmd: cmd ?? '' }));
}

/** State letters of the processes with the word in their arguments, by pid; 'T': stopped. */
export function statesOf(word: string): ReadonlyMap<number, string> {
  const lines = execFileSync('ps', ['-A', '-ww', '-o', 'pid=,stat=,args='], {
    encoding: 'utf8',
    maxBuffer: 2 ** 28,
  }).split('\n');
  const found = lines.flatMap((line): [number, string][] => {
    const [, pid, state = '', args = ''] = /^\s*(\d+)\s+(\S)\S*\s+(.*)$/.exec(line) ?? [];
    // The wrapper's arguments include the program's.
    const isWrapper = args.startsWith('/bin/sh -c trap ');
    return !isWrapper && args.split(' ').includes(word) ? [[Number(pid), state]] : [];
  });
  return new Map(found);
}
