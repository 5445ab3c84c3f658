import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';
import type { AgentLocations, FoundFile, OutputStream } from '../../../src/application/ports/agent-disk.ts';
import type {
  AgentHost,
  LaunchKey,
  OutputSink,
  PlacedLaunch,
  RunningAgent,
} from '../../../src/application/ports/agent-host.ts';
import type { HostCapacity } from '../../../src/application/ports/host-capacity.ts';
import type { Agent } from '../../../src/domain/agent.ts';
import { MaosError, quote } from '../../../src/domain/errors.ts';
import type { SessionId } from '../../../src/domain/ids.ts';
import type { Session } from '../../../src/domain/session.ts';
import { MemoryFiles, memoryRoot } from './files.ts';
import { MemoryInput, refused } from './input.ts';
import { Launch, Output, type Outputs } from './launch.ts';
import type { Program } from './program.ts';
import { runShell } from './shell.ts';

const sharedFolders = ['shared/context', 'results'];
const builtins = new Set(['true', 'false', 'echo', 'sleep', 'cat', 'touch']);

/** Whose output it is: an agent's, or that of a check of its work. */
function printerOf(id: string, check: number | undefined): string {
  return check === undefined ? id : `${id}/checks/${check}`;
}

/** A machine that exists only in memory. Several MAOS processes may use it; it and its agents outlive each of them. */
export class MemoryMachine {
  readonly files = new MemoryFiles();
  readonly #programs: ReadonlyMap<string, Program>;
  readonly #launches = new Map<string, Launch | 'fenced'>();
  readonly #outputs = new Map<string, Outputs>();
  readonly #prompts = new Map<string, string>();
  readonly #slots = new Set<string>();
  #pids = 0;

  /** @param programs by file name */
  constructor(programs: ReadonlyMap<string, Program> = new Map()) {
    this.#programs = programs;
  }

  /** The host of a MAOS process that works on a project. */
  host(projectRoot: string): AgentHost {
    return {
      capacity: { ...this.#capacity },
      findProgram: async (name) => {
        if (this.#find(name) === null) throw missing(name);
        return name;
      },
      locations: (session, agent) => locationsOf(session, agent, projectRoot),
      makeRoom: async () => {},
      clearCheck: async () => {},
      plantedAbove: async () => [],
      prepare: async (agent, prompt) => void this.#prompts.set(agent.id, prompt),
      readPrompt: async ({ id }, maxBytes) => {
        const bytes = Buffer.from(this.#prompts.get(id) ?? '');
        return { bytes: bytes.subarray(0, maxBytes), start: 0, size: bytes.length };
      },
      start: async (key, agent, spec, sink) => this.#start(key, agent, spec, sink),
      attach: async (key, _agent, sink) => this.#attach(key, sink),
      readOutput: async ({ id }, stream, from, maxBytes, check) =>
        this.#page(printerOf(id, check), stream, from, maxBytes),
      digestCheck: async ({ id }, check) => {
        if (!this.#outputs.has(printerOf(id, check))) return null;
        const { stdout, stderr } = this.#outputsOf(printerOf(id, check));
        const all = Buffer.concat([stdout.bytes, stderr.bytes]);
        return { bytes: all.length, sha256: createHash('sha256').update(all).digest('hex') };
      },
      checkLocation: ({ id }, check) => `${memoryRoot}${printerOf(id, check)}`,
      outputStart: async ({ id }, attempt, stream = 'stdout') => {
        const launch = this.#launches.get(`${id} ${attempt}`);
        return launch === undefined || launch === 'fenced' ? null : launch.from[stream];
      },
      programExit: async () => null,
      outputMarks: async (_agent, from) => ({ marks: [], next: from }),
      hasOutput: async ({ id }) => this.#outputs.has(printerOf(id, undefined)),
      lastOutputAt: async ({ id }, { stream, check } = {}) => {
        const { stdout, stderr } = this.#outputsOf(printerOf(id, check));
        const all = { stdout: stdout.lastAt ?? 0, stderr: stderr.lastAt ?? 0 };
        const last = stream === undefined ? Math.max(all.stdout, all.stderr) : all[stream];
        return last === 0 ? null : new Date(last).toISOString();
      },
      scanArtifacts: async (id, resultsOf) => this.#scan(id, resultsOf),
      readArtifact: async (id, path, maxBytes) => this.#artifact(id, path, maxBytes),
    };
  }

  /** The agent's attempt ends without a record. */
  vanish(key: LaunchKey): void {
    const launch = this.#launches.get(claimOf(key));
    if (launch !== undefined && launch !== 'fenced') launch.vanish();
  }

  #start(key: LaunchKey, agent: Agent, spec: PlacedLaunch, sink: OutputSink): RunningAgent {
    const claim = claimOf(key);
    if (this.#launches.has(claim)) return this.#attach(key, sink);
    const program = this.#find(spec.program);
    if (program === null) throw missing(spec.program);
    this.#pids += 1;
    const { args, cwd, inherits, env: changes } = spec;
    const given = Object.entries(changes).filter((entry): entry is [string, string] => entry[1] !== null);
    const made = Object.entries(spec.files ?? {}).map(([variable, content]) => {
      const path = `${memoryRoot}${key.agentId}/file.${key.attempt}.${variable}`;
      this.files.write(path, Buffer.from(content), false);
      return [variable, path] as const;
    });
    const own = Object.fromEntries([...given, ...made]);
    const env = { ...inherits, ...own, MAOS_AGENT_ID: key.agentId, PWD: cwd };
    const prompt = this.#prompts.get(agent.id) ?? '';
    const stdin = spec.stdin === 'prompt' ? prompt : '';
    const input = spec.stdin === 'stream' ? new MemoryInput() : null;
    input?.append({ id: 'prompt', bytes: spec.firstInput ?? Buffer.from(prompt) });
    const launch = new Launch(this.#pids, this.#outputsOf(printerOf(agent.id, key.check)), input);
    this.#launches.set(claim, launch);
    const running = launch.follow(key, sink);
    launch.begin(program, { args, env, cwd, stdin, input, files: this.files });
    return running;
  }

  #attach(key: LaunchKey, sink: OutputSink): RunningAgent {
    const claim = claimOf(key);
    const launch = this.#launches.get(claim) ?? 'fenced';
    this.#launches.set(claim, launch);
    return launch === 'fenced' ? neverStarted() : launch.follow(key, sink);
  }

  #find(name: string): Program | null {
    const find = (other: string): Program | null => this.#find(other);
    if (name === '/bin/sh') {
      return async (start, own) => {
        const [, text = '', ...args] = start.args;
        return runShell(text, args, start, own, find);
      };
    }
    if (builtins.has(name)) {
      return async (start, own) => runShell(`${name} "$@"`, ['sh', ...start.args], start, own, find);
    }
    const scripted = this.#programs.get(basename(name));
    if (scripted !== undefined) return scripted;
    if (name === process.execPath) {
      return async (start, own) => {
        const [script = '', ...args] = start.args;
        return (this.#programs.get(basename(script)) ?? notFound)({ ...start, args }, own);
      };
    }
    if (!name.includes('/') || !existsSync(name)) return null;
    const text = readFileSync(name, 'utf8');
    if (!text.startsWith('#!/bin/sh\n')) return null;
    return async (start, own) => runShell(text.slice(10), [name, ...start.args], start, own, find);
  }

  #outputsOf(id: string): Outputs {
    const known = this.#outputs.get(id) ?? { stdout: new Output(), stderr: new Output() };
    this.#outputs.set(id, known);
    return known;
  }

  #page(id: string, stream: OutputStream, from: number, maxBytes: number) {
    const { bytes } = this.#outputsOf(id)[stream];
    const start = from < 0 ? Math.max(0, bytes.length + from) : Math.min(from, bytes.length);
    return { bytes: bytes.subarray(start, start + maxBytes), start, size: bytes.length };
  }

  #scan(id: SessionId, resultsOf?: ReadonlySet<string>): readonly FoundFile[] {
    const folder = folderOf(id);
    return sharedFolders
      .flatMap((name) => this.files.below(`${folder}/${name}`))
      .map(([full, { bytes, modifiedMs }]): FoundFile => {
        const path = full.slice(folder.length + 1);
        const sha256 = createHash('sha256').update(bytes).digest('hex');
        return {
          path,
          owner: /^results\/([^/]+)\/./.exec(path)?.[1] ?? null,
          sizeBytes: bytes.length,
          modifiedAt: new Date(modifiedMs).toISOString(),
          digest: async () => ({ sizeBytes: bytes.length, sha256, isSteady: true }),
        };
      })
      .filter(({ owner }) => owner === null || resultsOf === undefined || resultsOf.has(owner))
      .sort((a, b) => (a.path < b.path ? -1 : 1));
  }

  #artifact(id: SessionId, path: string, maxBytes: number): Uint8Array {
    const isInside = /^(?:shared|results)\//.test(path) && !path.split('/').includes('..');
    if (!isInside) throw new MaosError('FORBIDDEN', `${quote(path)} is no artifact.`);
    const bytes = this.files.read(`${folderOf(id)}/${path}`);
    if (bytes === null) throw new MaosError('INVALID_INPUT', `There is no file ${quote(path)}.`);
    if (bytes.length <= maxBytes) return bytes;
    throw new MaosError('RESOURCE_LIMIT_EXCEEDED', `${quote(path)} has more than ${maxBytes} bytes.`);
  }

  readonly #capacity: HostCapacity = {
    freeMemoryMb: () => 16_000,
    totalMemoryMb: () => 16_000,
    slots: {
      tryTake: (id, _session, limit) => {
        if (!this.#slots.has(id) && this.#slots.size >= limit) return false;
        this.#slots.add(id);
        return true;
      },
      give: (id) => void this.#slots.delete(id),
      bind: () => {},
    },
  };
}

const notFound: Program = async ({ args, print }) => {
  print('stderr', Buffer.from(`no such program: ${args}\n`));
  return 127;
};

function claimOf({ agentId, attempt, check }: LaunchKey): string {
  return `${printerOf(agentId, check)} ${attempt}`;
}

function folderOf(id: SessionId): string {
  return `${memoryRoot}${id}`;
}

function locationsOf(session: Session, agent: Agent, projectRoot: string): AgentLocations {
  const folder = folderOf(session.id);
  const workspace = `${folder}/agents/${agent.id}/workspace`;
  const root =
    agent.workspace === 'worktree'
      ? `${folder}/agents/${agent.id}/worktree`
      : (session.folder ?? projectRoot);
  return {
    session: folder,
    projectRoot: root,
    workingDirectory: agent.workspace === 'own' ? workspace : root,
    workspace,
    sharedContext: `${folder}/shared/context`,
    results: `${folder}/results/${agent.name}`,
    messages: `${folder}/shared/messages`,
    artifact: (path) => `${folder}/${path}`,
  };
}

function neverStarted(): RunningAgent {
  return {
    location: { kind: 'memory', label: 'no program', data: {} },
    ended: Promise.resolve({ how: 'never_started', at: new Date().toISOString() }),
    stop: async () => ({ signals: [], survivors: 0, tookMs: 0 }),
    suspend: async () => {},
    resume: async () => {},
    takesInput: false,
    isCaughtUp: () => true,
    send: async () => Promise.reject(refused('it was never started')),
    closeInput: async () => Promise.reject(refused('it was never started')),
    sample: async () => null,
    memory: async () => null,
  };
}

/** The error that every host throws. */
function missing(name: string): MaosError {
  const what = name.includes('/')
    ? 'there is no such file. Check the path.'
    : 'there is no such program in the PATH. Install it, or give its full path.';
  return new MaosError('SPAWN_FAILED', `Cannot start ${quote(name)}: ${what}`, {
    details: { program: name, reason: 'not_found' },
  });
}
