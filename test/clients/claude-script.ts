/** Claude Code with MAOS registered as its manual says, and a model that follows a script. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import {
  type ContentBlock,
  lastToolResults,
  type ModelRequest,
  type ScriptStep,
} from '../helpers/scripted-model.ts';
import { type Bench, type BenchOptions, makeBench } from './bench.ts';
import { ModelScript, type Script } from './model-script.ts';
import { tapped } from './wire.ts';
import { makeMoment, type Running, readJsonLines } from './workplace.ts';

/** `claude mcp add maos -- …` */
export function register(bench: Bench, ...command: string[]): Promise<void> {
  return addServer(bench, ['maos', '--', ...command]);
}

/** `claude mcp add --transport … maos URL --header …` */
export function registerUrl(
  bench: Bench,
  transport: 'http' | 'sse',
  url: string,
  header: string,
): Promise<void> {
  return addServer(bench, ['--transport', transport, 'maos', url, '--header', header]);
}

async function addServer(bench: Bench, args: readonly string[]): Promise<void> {
  const added = await bench.claude(['mcp', 'add', ...args]);
  assert.equal(added.status, 0, `${added.stdout}\n${added.stderr}`);
}

export function textOf({ content }: ContentBlock): string {
  if (typeof content === 'string') return content;
  return (content as readonly ContentBlock[]).map(({ text }) => text ?? '').join('\n');
}

export interface ScriptedClaude extends Bench {
  /** The model follows this one from now on. */
  begin(script: Script<ModelRequest>): void;
  /** Starts `claude -p` with a model that follows the script. */
  startScript(script: Script<ModelRequest>): Running;
}

const print = ['-p', '--output-format', 'stream-json', '--verbose', '--allowedTools', 'mcp__maos'];

/** The arguments with which Claude Code takes messages and requests as lines, until its input ends. */
export const conversing = [...print, '--input-format', 'stream-json'];

/** @param enroll registers MAOS; by default over stdio, behind the tap */
export async function makeScriptedClaude(
  t: TestContext,
  options: Omit<BenchOptions, 'respond'>,
  enroll = (bench: Bench) => register(bench, process.execPath, ...tapped(bench)),
): Promise<ScriptedClaude> {
  const script = new ModelScript<ModelRequest>();
  function respond(request: ModelRequest): ScriptStep {
    // Beside the conversation it asks for titles and the like, without tools.
    if (!request.tools.some(({ name }) => name.startsWith('mcp__maos__'))) return { text: 'Nothing to say.' };
    const [result] = lastToolResults(request).map((block) => ({
      text: textOf(block),
      isError: block.is_error === true,
    }));
    const step = script.next(request, result);
    return 'text' in step ? step : { toolUse: { name: `mcp__maos__${step.call[0]}`, input: step.call[1] } };
  }
  const bench = await makeBench(t, { ...options, respond });
  await enroll(bench);
  return {
    ...bench,
    begin: (next) => script.begin(next),
    startScript(next) {
      script.begin(next);
      return bench.startClaude(print, 'Have a team do it.');
    },
  };
}

/** Claude Code that was started with {@link conversing}, and its input left open. */
export function sayTo({ child }: Running, line: unknown): void {
  child.stdin?.write(`${JSON.stringify(line)}\n`);
}

/** Begins a turn. @returns settles with its end */
export function askOf(claude: Running, content: string): Promise<void> {
  const ended = makeMoment('the end of the turn', 300_000);
  claude.child.stdout?.on('data', (chunk: Buffer) => {
    if (chunk.includes('"type":"result"')) ended.arrive();
  });
  sayTo(claude, { type: 'user', message: { role: 'user', content } });
  return ended.came;
}

/** Waits for a good end. @returns the model's last word */
export async function lastWordOf({ ended }: Running): Promise<string | undefined> {
  const { status, stdout, stderr } = await ended;
  assert.equal(status, 0, `${stdout}\n${stderr}`);
  const last = readJsonLines<{ type: string; is_error?: boolean; result?: string }>(stdout).at(-1);
  assert.deepEqual([last?.type, last?.is_error], ['result', false], stdout);
  return last?.result;
}
