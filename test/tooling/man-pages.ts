// Writes the man pages into man/: maos(1), and one for each command, from the table that the help is made of.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CliCommand, OptionSpec } from '../../src/presentation/cli/command.ts';
import { globalOptions } from '../../src/presentation/cli/global-options.ts';
import { statuses } from '../../src/presentation/cli/help-text.ts';
import { commandGroups } from '../../src/presentation/cli/program.ts';

const root = join(import.meta.dirname, '../..');
const { version, description } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));

/** The pages by file name. */
export function manPages(): ReadonlyMap<string, string> {
  const shown = commandGroups.flatMap(([, commands]) => commands).filter(({ hidden }) => hidden !== true);
  return new Map([
    ['maos.1', overview()],
    ...shown.map((command) => [`maos-${command.name}.1`, pageOf(command)] as const),
  ]);
}

function overview(): string {
  const groups = commandGroups.flatMap(([heading, commands]) => [
    `.SS ${escaped(heading.replace(/:$/, ''))}`,
    ...commands
      .filter(({ hidden }) => hidden !== true)
      .flatMap(({ name, summary }) => ['.TP', `\\fBmaos\\-${escaped(name)}\\fR(1)`, text(`${summary}.`)]),
  ]);
  return page('maos', [
    ...section('NAME', [`maos \\- teams of agents as real processes`]),
    ...section('SYNOPSIS', ['.B maos', '[options] command [arguments]']),
    ...section('DESCRIPTION', [text(description)]),
    ...section('COMMANDS', groups),
    ...section('OPTIONS', globalOptions.flatMap(optionLines)),
    ...section('EXIT STATUS', [text(statuses.replace(/^Exit status: /, ''))]),
    ...section('FILES', [
      '.TP',
      '.I ~/.maos',
      'All state; another folder with the variable MAOS_HOME.',
      '.TP',
      '.I ~/.maos/config.json',
      'Your settings; see \\fBmaos\\-config\\fR(1).',
    ]),
  ]);
}

function pageOf(command: CliCommand): string {
  const { name, aliases = [], summary, details = '', examples, options } = command;
  const args = command.arguments.map(({ syntax }) => escaped(syntax)).join(' ');
  return page(`maos-${name}`, [
    ...section('NAME', [`maos\\-${escaped(name)} \\- ${escaped(summary)}`]),
    ...section('SYNOPSIS', [`.B maos ${escaped(name)}`, `[options]${args === '' ? '' : ` ${args}`}`]),
    ...section('DESCRIPTION', [
      ...details
        .split(/\n+/)
        .filter(Boolean)
        .flatMap((paragraph) => ['.PP', text(paragraph)]),
      ...(aliases.length === 0 ? [] : ['.PP', text(`Alias: ${aliases.join(', ')}.`)]),
    ]),
    ...section(
      'ARGUMENTS',
      command.arguments.flatMap(({ syntax, description: says }) => ['.TP', escaped(syntax), text(says)]),
    ),
    ...section('OPTIONS', [...options, ...globalOptions].flatMap(optionLines)),
    ...section(
      'EXAMPLES',
      examples.flatMap(({ line, says }) => ['.TP', `.B ${escaped(line)}`, text(says)]),
    ),
    ...section('SEE ALSO', ['\\fBmaos\\fR(1)']),
  ]);
}

function page(name: string, lines: readonly string[]): string {
  return [`.TH "${escaped(name.toUpperCase())}" 1 "" "maos ${version}" "MAOS"`, ...lines, ''].join('\n');
}

function section(title: string, lines: readonly string[]): readonly string[] {
  return lines.length === 0 ? [] : [`.SH ${title}`, ...lines];
}

function optionLines({ flags, description: says, choices }: OptionSpec): readonly string[] {
  const values = choices === undefined ? '' : ` (${choices.join(', ')})`;
  return ['.TP', `\\fB${escaped(flags)}\\fR`, text(`${says}${values}`)];
}

function escaped(words: string): string {
  return words.replaceAll('\\', '\\e').replaceAll('-', '\\-').replaceAll('…', '...').replaceAll('"', '\\(dq');
}

/** A line that roff does not take for a request. */
function text(words: string): string {
  return `\\&${escaped(words)}`;
}

if (process.argv[1] === import.meta.filename) {
  const folder = join(root, 'man');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder);
  for (const [name, content] of manPages()) writeFileSync(join(folder, name), content);
}
