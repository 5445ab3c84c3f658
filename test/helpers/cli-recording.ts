/** Runs a real agent CLI once and stores its output, as a recording for parser tests. */
import { spawn } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';

export interface CliRun {
  readonly program: string;
  readonly args: readonly string[];
  /** The whole environment. */
  readonly env: Readonly<Record<string, string>>;
  readonly cwd: string;
  readonly stdin: string;
  /** Sent to all its processes, as a host does, when `when` settles. */
  readonly signal?: { readonly name: NodeJS.Signals; readonly when: Promise<unknown> };
}

export interface PlayedRun {
  readonly stdout: string;
  readonly stderr: string;
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly durationMs: number;
}

export async function playCli({ program, args, env, cwd, stdin, signal }: CliRun): Promise<PlayedRun> {
  const startedAt = performance.now();
  const child = spawn(program, args, { cwd, env, stdio: 'pipe', detached: true });
  child.stdin.on('error', () => {}); // a run that fails at once does not read its prompt
  child.stdin.end(stdin);
  const { pid } = child;
  if (signal !== undefined && pid !== undefined) {
    void signal.when.then(() => {
      if (child.exitCode === null && child.signalCode === null) process.kill(-pid, signal.name);
    });
  }
  const closed = new Promise<[number | null, NodeJS.Signals | null]>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, by) => resolve([code, by]));
  });
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  const [exitCode, by] = await closed;
  return { stdout, stderr, exitCode, signal: by, durationMs: Math.round(performance.now() - startedAt) };
}

/** Runs a case in a scratch home with an empty project folder. */
export async function inScratchHome<T>(work: (home: string) => Promise<T>): Promise<T> {
  const home = await mkdtemp(join(tmpdir(), 'recording-'));
  try {
    await mkdir(join(home, 'project'));
    return await work(home);
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 3 });
  }
}

/**
 * Writes the stdout to `NAME.jsonl`, and to `NAME.json` how it was run and how it ended, without traces of this
 * machine: the scratch home becomes `/home/user`, and every port of the loopback interface 8080.
 * @param keep selects what is kept of a JSON line
 */
export async function writeRecording(
  folder: string,
  name: string,
  {
    home,
    run,
    meta,
    keep,
  }: {
    readonly home: string;
    readonly run: PlayedRun;
    readonly meta: Readonly<Record<string, unknown>>;
    keep?(line: Record<string, unknown>): unknown;
  },
): Promise<void> {
  const { stdout, stderr, ...ending } = run;
  const lines = stdout.split('\n').filter((line) => line !== '');
  const kept = lines.map((line) =>
    keep === undefined || !line.startsWith('{') ? line : JSON.stringify(keep(JSON.parse(line))),
  );
  const withoutMachine = (output: string): string =>
    output
      .replaceAll(home, '/home/user')
      .replaceAll(home.replaceAll(/[^a-zA-Z0-9]/g, '-'), '-home-user')
      .replaceAll(/file:\/\/\/[^\s)]*\/node_modules\//g, 'file:///usr/lib/node_modules/')
      .replaceAll(/\/[^\s"')]*\/node_modules\//g, '/usr/lib/node_modules/')
      .replaceAll(/127\.0\.0\.1:\d{2,5}/g, '127.0.0.1:8080');
  await writeFile(join(folder, `${name}.jsonl`), withoutMachine(kept.map((line) => `${line}\n`).join('')));
  const told = JSON.stringify({ ...meta, ...ending, stderr }, null, 2);
  await writeFile(join(folder, `${name}.json`), withoutMachine(`${told}\n`));
  const last = lines.at(-1)?.slice(0, 160) ?? '(no output)';
  console.log(`${name}: exit ${ending.exitCode ?? ending.signal}, ${ending.durationMs} ms, ${last}`);
}

/** Records the named cases; without names, all. */
export async function recordCases(
  cases: readonly string[],
  wanted: readonly string[],
  record: (name: string) => Promise<void>,
): Promise<void> {
  for (const name of wanted.length === 0 ? cases : wanted) {
    if (!cases.includes(name)) throw new Error(`no such case: ${name}`);
    await record(name);
  }
}
