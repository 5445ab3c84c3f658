import type { ParseText } from '../../application/ports/parsed-text.ts';
import type { Runtime } from '../../application/runtime.ts';
import type { EndingSignal } from '../ending-signals.ts';
import type { OptionValues } from './shell/option-values.ts';
import type { Terminal } from './shell/terminal.ts';

export interface ArgumentSpec {
  /** `<required>`, `[optional]` or `[several...]`. */
  readonly syntax: string;
  readonly description: string;
  /** The words that can be given, or begin with, for completion; the command itself refuses others. */
  readonly choices?: readonly string[];
}

export interface OptionSpec {
  /** Such as `-f, --follow` or `--limit <n>`. */
  readonly flags: string;
  readonly description: string;
  /** `list`: can be repeated. */
  readonly kind: 'flag' | 'text' | 'list' | 'integer' | 'number';
  readonly choices?: readonly string[];
  /** Minimum and maximum, inclusive. */
  readonly range?: readonly [number, number];
}

interface Example {
  readonly line: string;
  readonly says: string;
}

/** A command is data: its name, arguments, options and help, and the function that runs it. */
export interface CliCommand {
  readonly name: string;
  /** Short names, shown in the help of the command. */
  readonly aliases?: readonly string[];
  /** One line for the list of commands. */
  readonly summary: string;
  /** Further help text, before the examples. */
  readonly details?: string;
  readonly arguments: readonly ArgumentSpec[];
  readonly options: readonly OptionSpec[];
  readonly examples: readonly Example[];
  readonly hidden?: boolean;
  /** `--project` without a value means the current folder. */
  readonly takesBareProject?: boolean;
  /** Output that goes through the user's pager if the screen does not hold it; null: none. */
  pages?(call: Pick<CommandContext, 'args' | 'options'>): 'text' | 'diff' | null;
  /** Handles signals and detaches its sessions itself: the program ends when the command returns. */
  readonly ownsProcess?: boolean;
  /** @returns the exit status */
  run(context: CommandContext): Promise<number>;
}

/** Replaces a file's content durably; readers see the old or the new. @throws MaosError that names the file */
export type ReplaceFile = (path: string, text: string, mode: number) => Promise<void>;

/** What a command can use. */
export interface CommandContext {
  /** Arguments after the command's name, in order. */
  readonly args: readonly string[];
  readonly options: OptionValues;
  /** Whether `--json` was given: print one document, or JSON lines for streams. */
  readonly json: boolean;
  /** The absolute path from `--project`; default: the current folder. In a repository, its root is the project. */
  readonly projectPath: string;
  /** Whether `--project` was given. */
  readonly projectGiven: boolean;
  /** Current folder, absolute. */
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly terminal: Terminal;
  readonly stdin: NodeJS.ReadableStream & { readonly isTTY?: boolean };
  /** How the user calls this program, for suggested commands: 'maos', 'npx maos'. */
  readonly program: string;
  /** Signals that end this program; it was started with the others ignored. */
  readonly endingSignals: readonly EndingSignal[];
  readonly parseText: ParseText;
  readonly replaceFile: ReplaceFile;
  /** Created at the first call. */
  runtime(): Runtime;
  /**
   * Detaches the sessions of this process to a background process; this one ends when the command returns.
   * @param how `keep`: they run to completion there, regardless of their exit policy
   */
  detach(how?: 'keep'): Promise<void>;
  /**
   * After this call the command ends itself in order: the signal aborts at the first Ctrl-C (or SIGTERM, SIGHUP), and
   * the command continues even if stdout can no longer be written. Before it, either ends the program immediately.
   */
  watchInterrupts(): AbortSignal;
  /** Leaves Ctrl-C to another program on the terminal, such as an editor, until the returned function is called. */
  lendTerminal(): () => void;
}
