import type { ArgumentSpec, CliCommand, OptionSpec } from '../command.ts';
import { globalOptions } from '../global-options.ts';

/** One word that can be completed to. */
export interface Candidate {
  readonly word: string;
  readonly says?: string;
}

/** What the shell itself completes. */
export type ShellCompletion = 'files' | 'folders';

export interface Completion {
  readonly candidates: readonly Candidate[];
  readonly shell: ShellCompletion | null;
  /** Whether the word goes on after the candidate: `tester=`. */
  readonly goesOn: boolean;
}

/** The words that exist only on this machine. Each returns the candidates for a part of a command line. */
export interface KnownWords {
  sessions(): Promise<readonly Candidate[]>;
  /** @param session as typed; undefined: the newest */
  agentNames(session: string | undefined): Promise<readonly Candidate[]>;
  agentIds(): Promise<readonly Candidate[]>;
  requests(): Promise<readonly Candidate[]>;
  roles(): Promise<readonly Candidate[]>;
  backends(): Promise<readonly Candidate[]>;
  settings(): Promise<readonly Candidate[]>;
}

const none: Completion = { candidates: [], shell: null, goesOn: false };
const ofShell = (shell: ShellCompletion): Completion => ({ ...none, shell });
const of = (candidates: readonly Candidate[]): Completion => ({ ...none, candidates });

/** What a value is, by its placeholder in the syntax of an option or argument. */
type ValueKind = (words: KnownWords, given: readonly string[], partial: string) => Promise<Completion>;

const sessions: ValueKind = async (words) => of(await words.sessions());
const agentNames: ValueKind = async (words, [session]) => of(await words.agentNames(session));
const roleAndTask: ValueKind = async (words, _, partial) => {
  // [name:]role[@backend[/model]]=task
  if (partial.includes('=')) return none;
  const before = partial.slice(0, partial.lastIndexOf('@') + 1);
  const name = partial.includes(':') ? partial.slice(0, partial.indexOf(':') + 1) : '';
  const candidates =
    before === ''
      ? (await words.roles()).map(({ word, says }) => ({
          word: `${name}${word}=`,
          ...(says === undefined ? {} : { says }),
        }))
      : (await words.backends()).map(({ word }) => ({ word: `${before}${word}=` }));
  return { ...of(candidates), goesOn: true };
};

const kinds: Readonly<Record<string, ValueKind>> = {
  session: sessions,
  'session|agent': async (words) =>
    of([...(await words.sessions()), ...(await words.agentNames(undefined)), ...(await words.agentIds())]),
  names: agentNames,
  agent: agentNames,
  agents: agentNames,
  name: agentNames,
  request: async (words) => of(await words.requests()),
  key: async (words) => of(await words.settings()),
  backend: async (words) => of(await words.backends()),
  merger: async (words) => of(await words.backends()),
  'role=task': roleAndTask,
  role: async (words) => of(await words.roles()),
  file: async () => ofShell('files'),
  'objective|file|-': async () => ofShell('files'),
  'file|-': async () => ofShell('files'),
  paths: async () => ofShell('files'),
  path: async () => ofShell('folders'),
};

/** Arguments that mean something else in some commands, by command and placeholder. */
const special: Readonly<Record<string, ValueKind>> = {
  'roles name': async (words) => of(await words.roles()),
  'run name': async (words) => of(await words.backends()),
};

const everywhere: readonly OptionSpec[] = [
  ...globalOptions,
  { flags: '-h, --help', description: 'show help', kind: 'flag' },
];

/**
 * Completes the last of the words of a command line, without the program's name.
 * @param commands all commands, in the order of the help
 */
export async function complete(
  typed: readonly string[],
  commands: readonly CliCommand[],
  words: KnownWords,
): Promise<Completion> {
  const partial = typed.at(-1) ?? '';
  const given = split(typed.slice(0, -1), commands);
  const found = await completed(given, partial, commands, words);
  return { ...found, candidates: found.candidates.filter(({ word }) => word.startsWith(partial)) };
}

async function completed(
  given: Given,
  partial: string,
  commands: readonly CliCommand[],
  words: KnownWords,
): Promise<Completion> {
  const { command, open } = given;
  if (given.isUnknown) return none;
  if (open !== null) return valuesOf(open, command, given.args, partial, words);
  const assigned = /^(--[\w-]+)=(.*)$/s.exec(partial);
  if (assigned !== null) {
    const [, flag = '', value = ''] = assigned;
    const option = optionCalled(flag, command);
    if (option === null) return none;
    const { candidates, shell, goesOn } = await valuesOf(option, command, given.args, value, words);
    return { candidates: candidates.map((one) => ({ ...one, word: `${flag}=${one.word}` })), shell, goesOn };
  }
  return completedWord(given, partial, commands, words);
}

interface Given {
  readonly command: CliCommand | null;
  readonly args: readonly string[];
  readonly isHelp: boolean;
  /** The first word is no command. */
  readonly isUnknown: boolean;
  /** The option whose value is the next word. */
  readonly open: OptionSpec | null;
}

async function completedWord(
  { command, args, isHelp }: Given,
  partial: string,
  commands: readonly CliCommand[],
  words: KnownWords,
): Promise<Completion> {
  if (partial.startsWith('-')) return of(flagsOf([...(command?.options ?? []), ...everywhere]));
  if (command === null) {
    const shown = commands.filter(({ hidden }) => hidden !== true);
    const names = shown.flatMap(({ name, aliases = [], summary }) =>
      [name, ...aliases.filter((alias) => alias.startsWith(partial) && partial !== '')].map((word) => ({
        word,
        says: summary,
      })),
    );
    return of(isHelp ? names : [...names, { word: 'help', says: 'Show help for a command' }]);
  }
  if (isHelp) return none;
  const spec = command.arguments[Math.min(args.length, command.arguments.length - 1)];
  if (spec === undefined || (args.length >= command.arguments.length && !spec.syntax.includes('...')))
    return none;
  if (spec.choices !== undefined) return of(spec.choices.map((word) => ({ word })));
  return valuesOf(spec, command, args, partial, words);
}

async function valuesOf(
  spec: OptionSpec | ArgumentSpec,
  command: CliCommand | null,
  args: readonly string[],
  partial: string,
  words: KnownWords,
): Promise<Completion> {
  if (spec.choices !== undefined) return of(spec.choices.map((word) => ({ word })));
  const placeholder =
    /[<[](.*?)(?:\.\.\.)?[\]>]$/.exec('flags' in spec ? spec.flags : spec.syntax)?.[1] ?? '';
  const kind =
    special[`${command?.name} ${placeholder}`] ??
    (Object.hasOwn(kinds, placeholder) ? kinds[placeholder] : undefined);
  return kind === undefined ? none : kind(words, args, partial);
}

/** The command and its arguments so far. */
function split(before: readonly string[], commands: readonly CliCommand[]): Given {
  let command: CliCommand | null = null;
  let isHelp = false;
  let open: OptionSpec | null = null;
  let onlyArguments = false;
  const args: string[] = [];
  for (const word of before) {
    if (open !== null) open = null;
    else if (word === '--') onlyArguments = true;
    else if (word.startsWith('-') && word !== '-' && !onlyArguments) {
      const option = word.includes('=') ? null : optionCalled(word, command);
      if (option !== null && /[<[]/.test(option.flags)) open = option;
    } else if (command === null && word === 'help' && !isHelp) isHelp = true;
    else if (command === null) {
      command = commands.find(({ name, aliases = [] }) => name === word || aliases.includes(word)) ?? null;
      if (command === null) return { command, args, isHelp, isUnknown: true, open };
    } else args.push(word);
  }
  return { command, args, isHelp, isUnknown: false, open };
}

function optionCalled(flag: string, command: CliCommand | null): OptionSpec | null {
  const options = [...(command?.options ?? []), ...everywhere];
  return options.find(({ flags }) => flags.split(/[ ,]+/).includes(flag)) ?? null;
}

function flagsOf(options: readonly OptionSpec[]): readonly Candidate[] {
  return options.map(({ flags, description }) => ({
    word: /--[\w-]+/.exec(flags)?.[0] ?? flags,
    says: description,
  }));
}
