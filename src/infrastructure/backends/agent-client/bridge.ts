import { setTimeout as delay } from 'node:timers/promises';
import { AgentProgram } from './agent-program.ts';
import { BridgeInput, type TextEntry } from './bridge-input.ts';
import { readBridgeArguments } from './bridge-options.ts';
import { Conversation } from './conversation.ts';
import { failedEnd } from './endings.ts';
import { type BridgeEnd, Journal } from './journal.ts';
import { OpenPermissions } from './open-permissions.ts';

/** How often to measure the program's silence. */
const tickMs = 1_000;
/** How long the program may take to end its turn on request. */
const cancelMs = 2_000;
/**
 * How long to wait for another text after a turn. MAOS closes the input when there is none; this is for the case that no
 * MAOS is left to do so.
 */
const restMs = 300_000;
const endingSignals = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Runs between MAOS and a program that speaks the Agent Client Protocol. For the wrapper it is the agent's program. So
 * a process that outlives MAOS holds the pipe to the real program, and the agent's log has everything that passes
 * through it. It reads what `live-input.ts` writes to its stdin, prints what {@link Journal} describes, and ends the program's whole
 * process group before it exits.
 *
 * @param argv the arguments after the command's name
 * @returns the exit status: 0 only if the program ended its last turn successfully
 */
export async function runBridge(argv: readonly string[], version: string): Promise<number> {
  const options = readBridgeArguments(argv);
  const { name } = options;
  const secrets = (options.teamServer?.passes ?? []).map((variable) => process.env[variable] ?? '');
  const journal = new Journal((text) => process.stdout.write(text), secrets);
  const permissions = new OpenPermissions(journal);
  const input = new BridgeInput(process.stdin, permissions);
  const signalled = firstSignal();
  const prompt = await Promise.race([input.next(), signalled.then(() => null)]);
  if (prompt === null) {
    journal.end(failedEnd(null, `${name} was not started: it was given no prompt.`));
    return 1;
  }
  const program = new AgentProgram(options.program, options.args, (chunk) =>
    conversation.connection.push(chunk),
  );
  const write = (line: string): void => program.write(line);
  const cwd = process.cwd();
  const conversation = new Conversation({ options, version, cwd, journal, permissions, write });
  const gone = program.ended.then(({ how, isSpawnFailure }) => {
    conversation.connection.end();
    return failedEnd(isSpawnFailure ? 'spawn_failed' : null, `${name} ${how} before it ended its turn.`);
  });
  // stdout is closed: the log is full, or its reader was killed.
  const lost = outputLost();
  let isOver = false;
  const over = Promise.race([gone, lost, signalled]).then(() => {
    isOver = true;
    return null;
  });

  async function turn(texts: readonly TextEntry[]): Promise<BridgeEnd> {
    const run = conversation.run(texts);
    // The program's last output may be the response that ends the turn.
    const ended = Promise.race([run, gone.then((end) => Promise.race([run, delay(0, end)]))]);
    const silence = new AbortController();
    const end = await Promise.race([
      ended,
      untilSilent(conversation, silence.signal),
      lost,
      signalled.then((signal) => cancelled(conversation, ended, signal, name)),
    ]);
    silence.abort();
    if (!end.ok) conversation.cancel();
    journal.end(end);
    return end;
  }

  let end = await turn(prompt);
  while (end.ok && !isOver) {
    const rest = new AbortController();
    const texts = await Promise.race([over, input.next(), delay(restMs, null, rest)]);
    rest.abort();
    if (texts === null) break;
    end = await turn(texts);
  }
  await program.end();
  return end.ok ? 0 : 1;
}

function firstSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of endingSignals) process.on(signal, () => resolve(signal));
  });
}

function outputLost(): Promise<BridgeEnd> {
  return new Promise((resolve) => {
    process.stdout.on('error', (error) =>
      resolve(failedEnd(null, `The log cannot be written: ${error.message}`)),
    );
  });
}

/** A turn that still ends successfully counts as successful. */
async function cancelled(
  conversation: Conversation,
  ended: Promise<BridgeEnd>,
  signal: string,
  name: string,
): Promise<BridgeEnd> {
  conversation.cancel();
  const end = await Promise.race([ended, delay(cancelMs, null)]);
  return end?.ok === true
    ? end
    : failedEnd('signal', `${name} was stopped by ${signal} before it finished.`, end?.stopReason);
}

/**
 * Settles when the program has been silent for too long. Counts ticks, because none pass while the agent's processes
 * are suspended.
 */
async function untilSilent(conversation: Conversation, signal: AbortSignal): Promise<BridgeEnd> {
  let silentMs = 0;
  let heard = 0;
  while (!signal.aborted) {
    await delay(tickMs);
    const { patienceMs, connection } = conversation;
    const isSilent = connection.received === heard && patienceMs !== null;
    silentMs = isSilent ? silentMs + tickMs : 0;
    heard = connection.received;
    if (isSilent && silentMs >= patienceMs) break;
  }
  return conversation.silent(silentMs);
}
