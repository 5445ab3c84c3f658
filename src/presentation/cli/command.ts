import type { ParseText } from '../../application/ports/parsed-text.ts';
import type { Runtime } from '../../application/runtime.ts';
import type { EndingSignal } from '../ending-signals.ts';
import type { OptionValues } from './shell/option-values.ts';
import type { Terminal } from './shell/terminal.ts';

export interface ArgumentSpec {
  /** `<needed>`, `[optional]`, `[several...]`. */
  readonly syntax: string;
  readonly description: string;
}

export interface OptionSpec {
  /** `-f, --follow` or `--limit <n>`. */
  readonly flags: string;
  readonly description: string;
  /** `list`: may be given several times. */
  readonly kind: 'flag' | 'text' | 'list' | 'integer' | 'number';
  readonly choices?: readonly string[];
  /** Smallest and largest number taken, both included. */
  readonly range?: readonly [number, number];
}

interface Example {
  readonly line: string;
  readonly says: string;
}

/** A command is data: what it is called, takes and says of itself, and the function that does it. */
export interface CliCommand {
  readonly name: string;
  /** One line, for the list of commands. */
  readonly summary: string;
  /** What help says besides, before the examples. */
  readonly details?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  readonly hidden?: boolean;
  /** `--project` may stand alone, for the current folder. */
  readonly takesBareProject?: boolean;
  /** It listens for signals itself and leaves its sessions to another process: the program ends when it returns. */
  readonly ownsProcess?: boolean;
  /** @returns the exit status */
  run(context: CommandContext): Promise<number>;
}

/** Replaces a file's whole content, durably; readers see the old or the new. @throws MaosError that names the file */
export type ReplaceFile = (path: string, text: string, mode: number) => Promise<void>;

/** The context in which a command runs. */
export interface CommandContext {
  /** Words after the command's name, in order. */
  readonly args: readonly string[];
  readonly options: OptionValues;
  /** `--json`: one document, or JSON lines for streams. */
  readonly json: boolean;
  /** `--project`, absolute; the current folder without it. */
  readonly projectPath: string;
  /** `--project` was given. */
  readonly projectGiven: boolean;
  /** Current folder, absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** How this program was called, for commands shown to people: 'maos', 'npx maos'. */
  readonly program: string;
  /** Signals that end this program; others it was told to ignore. */
  readonly endingSignals: readonly EndingSignal[];
  readonly parseText: ParseText;
  readonly replaceFile: ReplaceFile;
  /** Made at the first call. */
  runtime(): Runtime;
  /**
   * Leaves the sessions of this process to one of its own; this one ends as soon as the command returns.
   * @param how `keep`: they run to their end there, whatever their exit policy says
   */
  detach(how?: 'keep'): Promise<void>;
  /**
   * From this call on, the command ends in order by itself: the signal aborts at the first Ctrl-C (or SIGTERM, SIGHUP),
   * and what the command does goes on when stdout cannot be written any more. Before it, either ends the program at once.
   */
  watchInterrupts(): AbortSignal;
}
