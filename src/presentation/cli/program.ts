import { Command, CommanderError, Help, InvalidArgumentError, Option } from 'commander';
import { MaosError } from '../../domain/errors.ts';
import type { CliCommand, OptionSpec } from './command.ts';
import { agentCommand } from './commands/agent.ts';
import { answerCommand } from './commands/answer.ts';
import { approveCommand } from './commands/approve.ts';
import { askCommand } from './commands/ask.ts';
import { attachCommand } from './commands/attach.ts';
import { auditCommand } from './commands/audit.ts';
import { backendsCommand } from './commands/backends.ts';
import { cancelCommand } from './commands/cancel.ts';
import { claimCommand, releaseCommand } from './commands/claim.ts';
import { makeCompleteCommand } from './commands/complete.ts';
import { completionCommand } from './commands/completion.ts';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { denyCommand } from './commands/deny.ts';
import { diffCommand } from './commands/diff.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { evidenceCommand } from './commands/evidence.ts';
import { exportCommand } from './commands/export.ts';
import { gcCommand } from './commands/gc.ts';
import { hostCommand } from './commands/host.ts';
import { initCommand } from './commands/init.ts';
import { instancesCommand } from './commands/instances.ts';
import { landCommand } from './commands/land.ts';
import { listCommand } from './commands/list.ts';
import { logsCommand } from './commands/logs.ts';
import { messageCommand } from './commands/message.ts';
import { openCommand } from './commands/open.ts';
import { pauseCommand } from './commands/pause.ts';
import { planCommand } from './commands/plan.ts';
import { psCommand } from './commands/ps.ts';
import { recoverCommand } from './commands/recover.ts';
import { reportCommand } from './commands/report.ts';
import { requestsCommand } from './commands/requests.ts';
import { resumeCommand } from './commands/resume.ts';
import { retryCommand } from './commands/retry.ts';
import { rolesCommand } from './commands/roles.ts';
import { runCommand } from './commands/run.ts';
import { serveCommand } from './commands/serve.ts';
import { statusCommand } from './commands/status.ts';
import { superviseCommand } from './commands/supervise.ts';
import { tokenCommand } from './commands/token.ts';
import { versionCommand } from './commands/version.ts';
import { waitCommand } from './commands/wait.ts';
import { watchCommand } from './commands/watch.ts';
import { globalOptions } from './global-options.ts';
import { examplesText, indented, statusesText } from './help-text.ts';
import { type ListedValue, OptionValues } from './shell/option-values.ts';
import { fieldPaths } from './shell/selected-fields.ts';
import type { Terminal } from './shell/terminal.ts';
import { unknownCommand } from './unknown-command.ts';

/** Every command, in the order and under the headings of `maos help`. */
export const commandGroups: readonly (readonly [heading: string, commands: readonly CliCommand[]])[] = [
  ['Start:', [runCommand, planCommand, demoCommand, serveCommand]],
  [
    'Sessions:',
    [
      listCommand,
      watchCommand,
      openCommand,
      statusCommand,
      attachCommand,
      logsCommand,
      eventsCommand,
      waitCommand,
      messageCommand,
      pauseCommand,
      resumeCommand,
      retryCommand,
      cancelCommand,
      landCommand,
    ],
  ],
  [
    'Agents:',
    [
      requestsCommand,
      approveCommand,
      denyCommand,
      answerCommand,
      askCommand,
      reportCommand,
      claimCommand,
      releaseCommand,
    ],
  ],
  ['Work:', [diffCommand, evidenceCommand]],
  ['Machine:', [psCommand, instancesCommand, hostCommand]],
  ['Maintenance:', [gcCommand, auditCommand, exportCommand, recoverCommand]],
  [
    'Installation:',
    [
      initCommand,
      configCommand,
      completionCommand,
      rolesCommand,
      backendsCommand,
      tokenCommand,
      doctorCommand,
      versionCommand,
      makeCompleteCommand(() => allCommands),
      superviseCommand,
      agentCommand,
    ],
  ],
];

/** A parsed command line. */
export interface ParsedCall {
  readonly command: CliCommand;
  readonly args: readonly string[];
  readonly options: OptionValues;
  readonly json: boolean;
  /** Paths of `--fields`, which implies `--json`; null: whole documents. */
  readonly fields: readonly string[] | null;
  readonly project: string | undefined;
  /** False with `--no-pager`. */
  readonly pager: boolean;
}

/**
 * Parses a command line. Prints help and version directly.
 * @returns null when nothing remains to be done
 * @throws MaosError INVALID_INPUT; `details.command` names the command whose help applies, or is null
 */
export async function parseCall(
  argv: readonly string[],
  terminal: Terminal,
  version: () => string,
): Promise<ParsedCall | null> {
  let call: ParsedCall | null = null;
  const program = makeProgram(terminal, (parsed) => {
    call = parsed;
  });
  if (argv.length === 0) {
    program.outputHelp();
    return null;
  }
  const asked = argv.filter((word) => !['--json', '--no-color', '--no-pager'].includes(word));
  if (asked.length === 1 && ['--version', '-V', '-v'].includes(String(asked[0]))) {
    if (argv.includes('--json')) terminal.document({ version: version() });
    else terminal.line(version());
    return null;
  }
  if (asked.length === 2 && asked[0] === 'help' && asked[1] === 'help') {
    program.outputHelp();
    return null;
  }
  try {
    await program.parseAsync(withFolder(argv), { from: 'user' });
    return call;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode === 0) return null;
    throw usageError(error, argv);
  }
}

/** Inserts the current folder after a `--project` without a value, if the command allows that. */
function withFolder(argv: readonly string[]): readonly string[] {
  if (commandNamedIn(argv)?.takesBareProject !== true) return argv;
  const isBare = (index: number): boolean => (argv[index + 1] ?? '-').startsWith('-');
  const isProject = (word: string): boolean => word === '--project' || word === '-C';
  return argv.flatMap((word, index) => (isProject(word) && isBare(index) ? [word, '.'] : [word]));
}

function usageError(error: CommanderError, argv: readonly string[]): MaosError {
  const command = commandNamedIn(argv)?.name ?? null;
  return new MaosError('INVALID_INPUT', usageMessage(error, argv), { details: { command }, cause: error });
}

/** Global options whose next word is their value. */
const withValue: ReadonlySet<string> = new Set(['-C', '--project', '--fields']);

function wordsOf(argv: readonly string[]): readonly string[] {
  return argv.filter((word, index) => !word.startsWith('-') && !withValue.has(argv[index - 1] ?? ''));
}

function commandNamedIn(argv: readonly string[]): CliCommand | undefined {
  const [first, second] = wordsOf(argv);
  return commandCalled(first === 'help' ? second : first);
}

/** The command with this name or alias. */
function commandCalled(word: string | undefined): CliCommand | undefined {
  return allCommands.find(({ name, aliases = [] }) => word === name || aliases.includes(word ?? ''));
}

function usageMessage({ code, message }: CommanderError, argv: readonly string[]): string {
  // Without a command, or for help on an unknown one, commander has no message and shows its help.
  if (code === 'commander.help' || code === 'commander.unknownCommand') {
    const unknown = wordsOf(argv).find((word) => word !== 'help');
    return unknown === undefined ? 'A command is missing.' : unknownCommand(unknown, allCommands);
  }
  if (/missing required argument 'session'/.test(message)) {
    return "Name the session, or 'latest' for the newest of this project.";
  }
  const said = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  const suggested = /^(.*?)\.? \(Did you mean (?:one of )?(.*)\?\)$/.exec(sentence);
  if (suggested !== null) {
    const [, what, options = ''] = suggested;
    return `${what}. Did you mean '${options.replaceAll(', ', "' or '")}'?`;
  }
  return /[.!?)]$/.test(sentence) ? sentence : `${sentence}.`;
}

const allCommands = commandGroups.flatMap(([, commands]) => commands);

function makeProgram(terminal: Terminal, onCall: (call: ParsedCall) => void): Command {
  const program = new Command('maos')
    .description(
      'Runs teams of agents as real processes: ordered, watched, limited, recorded and recoverable.',
    )
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'Show help for a command')
    .addHelpText('after', () => `\n${statusesText(helpWidth(terminal))}`)
    .configureHelp({
      showGlobalOptions: true,
      minWidthToWrap: 20,
      // Without arguments and options, which the help of the command has, summaries fit narrow terminals.
      subcommandTerm: (command) => [command.name(), ...command.aliases()].join(', '),
      formatItem(term, termWidth, description, helper) {
        const width = helper.helpWidth ?? 80;
        if (width - termWidth >= leastDescription || description === '') {
          return Help.prototype.formatItem.call(helper, term, termWidth, description, helper);
        }
        return `  ${term}\n${indented(description, width)}`;
      },
    })
    .configureOutput({
      writeOut: (text) => terminal.line(text.replace(/\n$/, '')),
      // reportError prints all errors.
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => helpWidth(terminal),
    })
    .exitOverride();
  for (const { flags, description } of globalOptions) program.option(flags, description);
  for (const [heading, commands] of commandGroups) {
    program.commandsGroup(heading);
    for (const command of commands) addCommand(program, command, terminal, onCall);
  }
  return program;
}

/** In columns, with the gaps: a description that would be narrower stands below its term. */
const leastDescription = 30;

/** Longer lines are hard to read. */
function helpWidth(terminal: Terminal): number {
  return Math.min(100, terminal.textWidth);
}

function addCommand(
  program: Command,
  command: CliCommand,
  terminal: Terminal,
  onCall: (call: ParsedCall) => void,
): void {
  const added = program.command(command.name, { hidden: command.hidden === true });
  const details = command.details === undefined ? '' : `\n\n${command.details}`;
  added.aliases([...(command.aliases ?? [])]);
  added.summary(command.summary).description(`${command.summary}.${details}`);
  for (const { syntax, description } of command.arguments) added.argument(syntax, description);
  const counter = { place: 0 };
  const options = command.options.map((spec) => ({ spec, option: toOption(spec, counter) }));
  for (const { option } of options) added.addOption(option);
  if (command.examples.length > 0) {
    added.addHelpText('after', () => examplesText(command, helpWidth(terminal)));
  }
  added.action(() => {
    const given = added.opts();
    const values = options.map(({ option }) => {
      const value: unknown = given[option.attributeName()];
      // '--no-x' sets x to false.
      return [option.name(), option.negate ? value === false : value] as const;
    });
    const { json, fields, project, pager } = program.opts<{
      json?: boolean;
      fields?: string;
      project?: string;
      pager: boolean;
    }>();
    onCall({
      command,
      args: added.args,
      options: new OptionValues(new Map(values)),
      json: json === true || fields !== undefined,
      fields: fields === undefined ? null : fieldPaths(fields),
      project,
      pager,
    });
  });
}

function toOption(spec: OptionSpec, counter: { place: number }): Option {
  const option = new Option(spec.flags, spec.description);
  if (spec.choices !== undefined) return option.choices(spec.choices);
  if (spec.kind === 'list') {
    return option.argParser((value, previous: readonly ListedValue[] | undefined) => {
      counter.place += 1;
      return [...(previous ?? []), { option: option.name(), value, place: counter.place }];
    });
  }
  if (spec.kind === 'integer' || spec.kind === 'number')
    return option.argParser((value) => toNumber(value, spec));
  return option;
}

function toNumber(text: string, { kind, range = [0, Number.MAX_SAFE_INTEGER] }: OptionSpec): number {
  const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
  const [least, most] = range;
  const whole = kind === 'integer';
  if (value >= least && value <= most && (!whole || Number.isInteger(value))) return value;
  const upTo = most === Number.MAX_SAFE_INTEGER ? `${least} or more` : `from ${least} to ${most}`;
  throw new InvalidArgumentError(`It must be a ${whole ? 'whole ' : ''}number, ${upTo}.`);
}
