import { isAbsolute, resolve } from 'node:path';
import type { ParseText } from '../../application/ports/parsed-text.ts';
import type { Runtime } from '../../application/runtime.ts';
import { type ErrorCode, isMaosError, MaosError } from '../../domain/errors.ts';
import type { EndingSignal } from '../ending-signals.ts';
import { isAwayFromHome, relayCommand, relayedCommands } from '../relayed-calls.ts';
import type { CliCommand, CommandContext, ReplaceFile } from './command.ts';
import { agentCommand } from './commands/agent.ts';
import { serveCommand } from './commands/serve.ts';
import { superviseCommand } from './commands/supervise.ts';
import type { ParsedCall } from './program.ts';
import { reportError } from './shell/error-report.ts';
import { exitStatus } from './shell/exit-status.ts';
import { Interruption, type SignalSource } from './shell/interruption.ts';
import { OptionValues } from './shell/option-values.ts';
import type { OutputStream } from './shell/output-writer.ts';
import { chosenDiffPager, chosenPager } from './shell/pager.ts';
import { programName } from './shell/program-name.ts';
import { Terminal } from './shell/terminal.ts';

const maxStdinBytes = 1024 * 1024;

/** Settings from the command line, which override files and variables. */
export interface RuntimeFlags {
  readonly backend?: string;
}

type Stream = OutputStream & NodeJS.WritableStream;

/** The process that the command line runs in. Optional members default to the current process. */
export interface CliDeps {
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  readonly stdout: Stream;
  readonly stderr: Stream;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly endingSignals: readonly EndingSignal[];
  readonly parseText: ParseText;
  readonly replaceFile: ReplaceFile;
  readonly cwd?: string;
  /** Path of the program as it was started. */
  readonly script?: string;
  readonly signals?: SignalSource;
  readonly exit?: (status: number) => void;
}

/**
 * Runs one command line.
 * @param argv without the program's own name
 * @param makeRuntime called at most once, when the command needs it
 * @returns the exit status. A command that detaches its sessions ends the process itself.
 */
export async function runCli(
  argv: readonly string[],
  makeRuntime: (flags: RuntimeFlags) => Runtime,
  deps: CliDeps,
): Promise<number> {
  const json = hasFlag(argv, '--json') || hasFlag(argv, '--fields');
  const terminal = new Terminal({ ...deps, noColor: hasFlag(argv, '--no-color') });
  deps.stdout.on('error', (error) => terminal.loseOutput(error));
  // An error message could not be shown either.
  deps.stderr.on('error', () => {});
  try {
    const call = plainCall(argv, deps) ?? (await readCall(argv, terminal, makeRuntime, deps));
    if (call?.fields != null) terminal.select(call.fields);
    if (call !== null) return await runCall(argv, call, terminal, makeRuntime, deps);
    await terminal.drained();
    return terminal.outputLost.aborted ? sayLost(terminal, json) : exitStatus.done;
  } catch (error) {
    return fail(error, json, terminal);
  }
}

function hasFlag(argv: readonly string[], flag: string): boolean {
  const end = argv.indexOf('--');
  return (end < 0 ? argv : argv.slice(0, end)).includes(flag);
}

/**
 * Parses the calls that programs make: `maos serve`, `maos agent`, `maos supervise`, and `maos` with a pipe on stdin.
 * Clients wait for these, and the full parser is slow to load. Null for everything else.
 */
function plainCall(argv: readonly string[], deps: CliDeps): ParsedCall | null {
  const piped = argv.length === 0 && deps.stdin.isTTY !== true;
  const command = [serveCommand, agentCommand, superviseCommand].find(
    ({ name }) => name === (piped ? 'serve' : argv[0]),
  );
  if (command === undefined) return null;
  const values = new Map<string, unknown>();
  for (let index = 1; index < argv.length; index += 2) {
    const name = argv[index]?.match(/^--(project|from)$/)?.[1];
    const value = argv[index + 1];
    if (name === undefined || value === undefined || value.startsWith('-')) return null;
    values.set(name, value);
  }
  if (command !== superviseCommand && values.has('from')) return null;
  const project = values.get('project') as string | undefined;
  return {
    command,
    args: [],
    options: new OptionValues(values),
    json: false,
    fields: null,
    project,
    pager: false,
  };
}

/** Parses any other call; shows help in the pager. */
async function readCall(
  argv: readonly string[],
  terminal: Terminal,
  makeRuntime: (flags: RuntimeFlags) => Runtime,
  deps: CliDeps,
): Promise<ParsedCall | null> {
  const [{ parseCall }, { wrapLines }] = await Promise.all([
    import('./program.ts'),
    import('./render/wrap-text.ts'),
  ]);
  terminal.wrapWith(wrapLines);
  const interruption = makeInterruption(deps);
  if (!hasFlag(argv, '--no-pager'))
    await page(terminal, interruption, deps, async () => chosenPager(deps.env));
  try {
    const call = await parseCall(argv, terminal, () => makeRuntime({}).version);
    if (call === null) await terminal.finished();
    else terminal.usePager(null);
    return call;
  } finally {
    interruption.dispose();
  }
}

function makeInterruption({ signals, endingSignals, exit = process.exit }: CliDeps): Interruption {
  return new Interruption(signals ?? process, endingSignals, (status) => exit(status));
}

/** Shows what follows in the pager, if the screen of the terminal does not hold it. */
async function page(
  terminal: Terminal,
  interruption: Interruption,
  { stdout, env }: CliDeps,
  choose: () => Promise<string | null>,
): Promise<void> {
  if (!terminal.live) return;
  const { PagedOutput } = await import('./shell/paged-output.ts');
  const lendTerminal = (): (() => void) => interruption.lendTerminal();
  const onLeft = (error: Error): void => terminal.loseOutput(error);
  terminal.usePager(new PagedOutput({ stdout, env, choose, lendTerminal, onLeft }));
}

async function runCall(
  argv: readonly string[],
  call: ParsedCall,
  terminal: Terminal,
  makeRuntime: (flags: RuntimeFlags) => Runtime,
  deps: CliDeps,
): Promise<number> {
  const { command } = call;
  const interruption = command.ownsProcess === true ? null : makeInterruption(deps);
  const paged = call.pager ? (command.pages?.(call) ?? null) : null;
  const choosePager = paged === 'diff' ? chosenDiffPager : chosenPager;
  if (interruption !== null && paged !== null) {
    await page(terminal, interruption, deps, async () => choosePager(deps.env));
  }
  terminal.outputLost.addEventListener('abort', () => {
    const status = sayLost(terminal, call.json);
    interruption?.outputLost(status);
  });
  // The timers that commands wait for (of the store's watcher) do not keep the process alive.
  const alive = setInterval(() => {}, 2 ** 30);
  const held: Held = { runtime: null, leaving: command.ownsProcess === true };
  let status: number;
  try {
    const context = makeContext(call, terminal, makeRuntime, deps, interruption, held);
    status =
      isAwayFromHome(deps.env) && relayedCommands.has(command.name)
        ? await relay(argv, context, deps)
        : await command.run(context);
  } catch (error) {
    if (held.runtime !== null) logFailure(held.runtime, command, error);
    if (paged !== null) await terminal.finished();
    status = fail(error, call.json, terminal);
  }
  // After an interruption, do not wait for a reader that has stopped reading.
  if (status !== exitStatus.interrupted) await terminal.finished();
  interruption?.dispose();
  if (status !== exitStatus.interrupted && command.ownsProcess !== true) {
    await held.runtime?.finishNotifications();
  }
  clearInterval(alive);
  if (!held.leaving) {
    held.runtime?.close();
    return status;
  }
  // Its sessions still run in this process, and another process waits for this one to end.
  (deps.exit ?? process.exit)(status);
  return status;
}

/** Has a command of an agent run where its team is. */
async function relay(argv: readonly string[], context: CommandContext, deps: CliDeps): Promise<number> {
  const { runtime, env, cwd } = context;
  const { readAll } = await import('./shell/read-stdin.ts');
  const stdin = argv.includes('-') ? await readAll(deps.stdin, 'The text on stdin', maxStdinBytes) : '';
  const done = await relayCommand(runtime(), env, { args: argv, stdin, cwd }, context.watchInterrupts());
  if (done === null) return exitStatus.interrupted;
  deps.stdout.write(done.stdout);
  deps.stderr.write(done.stderr);
  return done.status;
}

/** The state of a call. */
interface Held {
  runtime: Runtime | null;
  /** Whether sessions were detached. */
  leaving: boolean;
}

function makeContext(
  call: ParsedCall,
  terminal: Terminal,
  makeRuntime: (flags: RuntimeFlags) => Runtime,
  deps: CliDeps,
  interruption: Interruption | null,
  held: Held,
): CommandContext {
  const currentFolder = (): string => deps.cwd ?? existingFolder();
  const backend = call.options.text('backend');
  const runtime = (): Runtime => {
    held.runtime ??= makeRuntime(backend === undefined ? {} : { backend });
    return held.runtime;
  };
  return {
    args: call.args,
    options: call.options,
    json: call.json,
    projectPath: isAbsolute(call.project ?? '')
      ? resolve(call.project ?? '')
      : resolve(currentFolder(), call.project ?? '.'),
    projectGiven: call.project !== undefined,
    get cwd() {
      return currentFolder();
    },
    env: deps.env,
    terminal,
    stdin: deps.stdin,
    program: programName(deps.script ?? process.argv[1], deps.env),
    endingSignals: deps.endingSignals,
    parseText: deps.parseText,
    replaceFile: deps.replaceFile,
    runtime,
    detach: async (how) => {
      held.leaving = true;
      await runtime().detach(how);
    },
    watchInterrupts: () => interruption?.watch() ?? new AbortController().signal,
    lendTerminal: () => interruption?.lendTerminal() ?? (() => {}),
  };
}

/** @throws MaosError INVALID_INPUT when the current folder was removed */
function existingFolder(): string {
  try {
    return process.cwd();
  } catch (cause) {
    throw new MaosError(
      'INVALID_INPUT',
      'The current folder no longer exists. Change to another folder, or name the project with --project.',
      { cause },
    );
  }
}

function fail(error: unknown, json: boolean, terminal: Terminal): number {
  const { status, text } = reportError(error, json);
  terminal.failure(text, json ? 'json' : 'text');
  return status;
}

/**
 * Errors in what the user gave, which stderr has told. With wrong settings or missing permissions there may be no log
 * either: the home is wrong, or cannot be written.
 */
const toldOnly: ReadonlySet<ErrorCode> = new Set([
  'CONFIG_INVALID',
  'FORBIDDEN',
  'SESSION_NOT_FOUND',
  'AGENT_NOT_FOUND',
  'INVALID_ROLE',
  'INVALID_PLAN',
  'INVALID_INPUT',
  'INVALID_TRANSITION',
]);

function logFailure(runtime: Runtime, { name }: CliCommand, error: unknown): void {
  if (isMaosError(error) && toldOnly.has(error.code)) return;
  runtime.log('error', 'command failed', { command: name, error });
}

/**
 * Reports why stdout cannot be written, unless its reader has just read enough, like `head -1`.
 * @returns the exit status of a command that only prints output
 */
function sayLost(terminal: Terminal, json: boolean): number {
  const { code, message } = terminal.outputLost.reason as NodeJS.ErrnoException;
  if (code === 'EPIPE') return exitStatus.done;
  const full = code === 'ENOSPC' || code === 'EDQUOT' || code === 'EFBIG';
  const text = `Cannot write to stdout: ${message}. Redirect it to a disk with free space, or to a program that reads it.`;
  const details = { stream: 'stdout', system: code };
  return fail(
    new MaosError(full ? 'RESOURCE_LIMIT_EXCEEDED' : 'FORBIDDEN', text, { details }),
    json,
    terminal,
  );
}
