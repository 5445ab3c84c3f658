import type { LaunchSpec, ProgramLookup } from '../../application/ports/agent-host.ts';
import type { AgentActivity, Backend, OutputParser, ParsedRun } from '../../application/ports/backend.ts';
import { MaosError } from '../../domain/errors.ts';
import { resolveProgram } from '../process/launch/program.ts';
import { exitFailure } from './shared/exit-failure.ts';

const shell = '/bin/sh';
/** For `probe`, which is about this machine. */
const hereProgram: ProgramLookup = async (name) => resolveProgram(name, '/', undefined);
/** A longer line, in characters, is handed on in pieces. */
const maxLineLength = 64 * 1024;
/** What of the end of the output becomes the result. */
const resultBytes = 4_096;
const resultLines = 20;

/** Any program as an agent: exit status 0 is success, its last lines are the result. The prompt is on its stdin. */
export function makeCommandBackend(): Backend {
  return {
    name: 'command',
    capabilities: {
      output: 'lines',
      resumes: false,
      receives: false,
      asksPermission: false,
      takesCommand: true,
      servesMcp: false,
      countsTokens: false,
      countsCost: false,
      boundsSubagents: false,
    },
    promptEscape: null,
    locate,
    async probe() {
      const known = { name: 'command', title: 'any program', packageName: null, testedVersion: null };
      const found = { ...known, version: null, signedIn: 'yes' as const, remark: null };
      try {
        return { ...found, available: true, path: await locate(hereProgram), problem: null };
      } catch (error) {
        return {
          ...found,
          available: false,
          path: null,
          problem: error instanceof Error ? error.message : String(error),
        };
      }
    },
    async prepare({ agent }): Promise<LaunchSpec> {
      const { command } = agent;
      if (command === null)
        throw new MaosError('INVALID_INPUT', `Agent ${agent.name} has no command to run.`);
      if (typeof command === 'string')
        return { program: shell, args: ['-c', command], env: {}, stdin: 'prompt' };
      const [program = '', ...args] = command;
      return { program, args, env: {}, stdin: 'prompt' };
    },
    makeParser: () => new TextParser(),
    explain(end, run, stderrTail) {
      const result = run.result ?? '';
      if (end.how === 'exited' && end.exitCode === 0) return { state: 'completed', result };
      return { state: 'failed', failure: exitFailure('The command', end, stderrTail), result: run.result };
    },
  };
}

const locate = (findProgram: ProgramLookup): Promise<string> =>
  findProgram(shell).catch((cause: unknown) => {
    const message = `${shell} is missing or not executable, and MAOS needs it to start agents. Install a POSIX shell there.`;
    throw new MaosError('BACKEND_UNAVAILABLE', message, { cause });
  });

/** Plain output: every line is text, the last ones are the result. Decoded chunk by chunk: lines can be many. */
class TextParser implements OutputParser {
  readonly #stream = new TextDecoder();
  readonly #decoder = new TextDecoder();
  /** A line whose end has not come yet. */
  #held = '';
  #tail: Uint8Array = new Uint8Array();
  #isCut = false;

  push(chunk: Uint8Array): readonly AgentActivity[] {
    this.#keepTail(chunk);
    const text = this.#held + this.#stream.decode(chunk, { stream: true });
    const end = text.lastIndexOf('\n');
    const isLong = text.length - end > maxLineLength;
    this.#held = isLong ? '' : text.slice(end + 1);
    if (isLong) return textActivities(text);
    return end < 0 ? [] : textActivities(text.slice(0, end));
  }

  end(): readonly AgentActivity[] {
    const rest = this.#held + this.#stream.decode();
    this.#held = '';
    return rest === '' ? [] : textActivities(rest);
  }

  parsed(): ParsedRun {
    const text = this.#decoder.decode(this.#wholeLines()).trim();
    const result = text === '' ? null : text.split('\n').slice(-resultLines).join('\n');
    return {
      ...{ verdict: null, result, answer: null, usage: null, conversation: null },
      ...{ turns: 0, subagents: 0, denials: null },
    };
  }

  /** Without the half of a line the tail may begin with, or at least without the half of a character. */
  #wholeLines(): Uint8Array {
    if (!this.#isCut) return this.#tail;
    const lineFeed = this.#tail.indexOf(10);
    if (lineFeed >= 0 && lineFeed < this.#tail.length - 1) return this.#tail.subarray(lineFeed + 1);
    const character = this.#tail.findIndex((byte) => (byte & 0b1100_0000) !== 0b1000_0000);
    return this.#tail.subarray(Math.min(3, Math.max(0, character)));
  }

  #keepTail(chunk: Uint8Array): void {
    const joined = Buffer.concat([this.#tail, chunk.subarray(-resultBytes)]);
    this.#isCut ||= this.#tail.length + chunk.length > resultBytes;
    this.#tail = joined.subarray(Math.max(0, joined.length - resultBytes));
  }
}

/** The last line apart from those before it: it is what the program is at. */
function textActivities(text: string): readonly AgentActivity[] {
  const at = text.lastIndexOf('\n');
  if (at < 0) return [{ type: 'text', text }];
  return [
    { type: 'text', text: text.slice(0, at) },
    { type: 'text', text: text.slice(at + 1) },
  ];
}
