import { Command, CommanderError, InvalidArgumentError, Option } from 'commander';
import { MaosError, quote } from '../../domain/errors.ts';
import type { CliCommand, OptionSpec } from './command.ts';
import { agentCommand } from './commands/agent.ts';
import { answerCommand } from './commands/answer.ts';
import { approveCommand } from './commands/approve.ts';
import { askCommand } from './commands/ask.ts';
import { auditCommand } from './commands/audit.ts';
import { backendsCommand } from './commands/backends.ts';
import { cancelCommand } from './commands/cancel.ts';
import { claimCommand, releaseCommand } from './commands/claim.ts';
import { configCommand } from './commands/config.ts';
import { demoCommand } from './commands/demo.ts';
import { denyCommand } from './commands/deny.ts';
import { diffCommand } from './commands/diff.ts';
import { doctorCommand } from './commands/doctor.ts';
import { eventsCommand } from './commands/events.ts';
import { evidenceCommand } from './commands/evidence.ts';
import { exportCommand } from './commands/export.ts';
import { gcCommand } from './commands/gc.ts';
import { initCommand } from './commands/init.ts';
import { instancesCommand } from './commands/instances.ts';
import { landCommand } from './commands/land.ts';
import { listCommand } from './commands/list.ts';
import { logsCommand } from './commands/logs.ts';
import { messageCommand } from './commands/message.ts';
import { pauseCommand } from './commands/pause.ts';
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
import { type ListedValue, OptionValues } from './shell/option-values.ts';
import type { Terminal } from './shell/terminal.ts';

/** Every command, in the order and under the headings of `maos help`. */
export const commandGroups: readonly (readonly [heading: string, commands: readonly CliCommand[]])[] = [
  ['Start:', [runCommand, demoCommand, serveCommand]],
  [
    'Sessions:',
    [
      listCommand,
      statusCommand,
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
  ['Machine:', [psCommand, instancesCommand]],
  ['Keeping:', [gcCommand, auditCommand, exportCommand, recoverCommand]],
  [
    'Installation:',
    [
      initCommand,
      configCommand,
      rolesCommand,
      backendsCommand,
      tokenCommand,
      doctorCommand,
      versionCommand,
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
  readonly project: string | undefined;
}

const statuses =
  'Exit status: 0 done, 1 the session or an agent failed, 2 usage error, 3 not found, 4 not possible in this state,\n5 limit reached, 6 backend not available or not signed in, 7 the session is paused, 70 bug in maos, 130 interrupted.';

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
  const [first] = argv;
  if (argv.length === 1 && (first === '--version' || first === '-V')) {
    terminal.line(version());
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
  return argv.flatMap((word, index) => (word === '--project' && isBare(index) ? [word, '.'] : [word]));
}

function usageError(error: CommanderError, argv: readonly string[]): MaosError {
  const command = commandNamedIn(argv)?.name ?? null;
  return new MaosError('INVALID_INPUT', usageMessage(error, argv), { details: { command }, cause: error });
}

function commandNamedIn(argv: readonly string[]): CliCommand | undefined {
  const commands = argv.map((word) => allCommands.find(({ name }) => name === word));
  return commands.find((command) => command !== undefined);
}

function usageMessage({ code, message }: CommanderError, argv: readonly string[]): string {
  // Without a command, or for help on an unknown one, commander has no message and shows its help.
  if (code === 'commander.help') {
    const unknown = argv.find((word) => !word.startsWith('-') && word !== 'help');
    return unknown === undefined ? 'A command is missing.' : `Unknown command ${quote(unknown)}.`;
  }
  const said = message.replace(/^error: /, '').replaceAll(/\s*\n\s*/g, ' ');
  const sentence = said.charAt(0).toUpperCase() + said.slice(1);
  return /[.!?)]$/.test(sentence) ? sentence : `${sentence}.`;
}

const allCommands = commandGroups.flatMap(([, commands]) => commands);

function makeProgram(terminal: Terminal, onCall: (call: ParsedCall) => void): Command {
  const program = new Command('maos')
    .description(
      'Runs teams of agents as real processes: ordered, watched, limited, recorded and recoverable.',
    )
    .option('--json', 'print JSON on stdout (JSON lines for streams), and errors as JSON on stderr')
    .option('--project <path>', 'folder of the project (default: the current folder)')
    .option('--no-color', 'disable colors, as NO_COLOR does')
    .option('-V, --version', 'print the version')
    .helpOption('-h, --help', 'show help')
    .helpCommand('help [command]', 'Show help for a command')
    .addHelpText('after', `\n${statuses}`)
    .configureHelp({ showGlobalOptions: true })
    .configureOutput({
      writeOut: (text) => terminal.write(terminal.harmless(text)),
      // reportError prints all errors.
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => (terminal.live ? Math.min(100, terminal.columns) : 100),
    })
    .exitOverride();
  for (const [heading, commands] of commandGroups) {
    program.commandsGroup(heading);
    for (const command of commands) addCommand(program, command, onCall);
  }
  return program;
}

function addCommand(program: Command, command: CliCommand, onCall: (call: ParsedCall) => void): void {
  const added = program.command(command.name, { hidden: command.hidden === true });
  const details = command.details === undefined ? '' : `\n\n${command.details}`;
  added.summary(command.summary).description(`${command.summary}.${details}`);
  for (const { syntax, description } of command.arguments) added.argument(syntax, description);
  const counter = { place: 0 };
  const options = command.options.map((spec) => ({ spec, option: toOption(spec, counter) }));
  for (const { option } of options) added.addOption(option);
  if (command.examples.length > 0) added.addHelpText('after', examplesText(command));
  added.action(() => {
    const given = added.opts();
    const values = options.map(({ option }) => {
      const value: unknown = given[option.attributeName()];
      // '--no-x' sets x to false.
      return [option.name(), option.negate ? value === false : value] as const;
    });
    const { json, project } = program.opts<{ json?: boolean; project?: string }>();
    onCall({
      command,
      args: added.args,
      options: new OptionValues(new Map(values)),
      json: json === true,
      project,
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

function examplesText({ examples }: CliCommand): string {
  return ['', 'Examples:', ...examples.flatMap(({ line, says }) => [`  $ ${line}`, `      ${says}`])].join(
    '\n',
  );
}
