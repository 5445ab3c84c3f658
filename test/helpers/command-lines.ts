import type { CliCommand } from '../../src/presentation/cli/command.ts';
import { commandGroups } from '../../src/presentation/cli/program.ts';

export const commands: readonly CliCommand[] = commandGroups.flatMap(([, group]) => group);

/** The actions of a command such as `config`: the words that its first argument can be, if others follow. */
function actionsOf({ arguments: [first, ...others] }: CliCommand): readonly string[] {
  return others.length === 0 ? [] : (first?.choices ?? []);
}

/** Every command line of the program: `list`, and of a command with actions each of them, such as `config get`. */
export const commandLines: readonly string[] = commands.flatMap((command) => {
  const actions = actionsOf(command);
  return actions.length === 0 ? [command.name] : actions.map((action) => `${command.name} ${action}`);
});

export function commandOf([word = '']: readonly string[]): CliCommand {
  const found = commands.find(({ name, aliases = [] }) => name === word || aliases.includes(word));
  if (found === undefined) throw new Error(`there is no command ${word}`);
  return found;
}

/** The one of {@link commandLines} that the words call; of a command with actions, without any the first. */
export function lineOf(words: readonly string[]): string {
  const command = commandOf(words);
  const actions = actionsOf(command);
  if (actions.length === 0) return command.name;
  return `${command.name} ${actions.find((action) => action === words[1]) ?? actions[0]}`;
}

/** The exit statuses that a command can be expected to have: every one that its help names, success and wrong usage. */
export function statusesOf({ details = '', arguments: given }: CliCommand): readonly number[] {
  const named = /Exit status: (.*)/.exec(details)?.[1] ?? '';
  const takesId = given.some(({ syntax }) => /session|request|agent/.test(syntax));
  const all = [0, 2, ...(takesId ? [3] : []), ...[...named.matchAll(/\b\d+\b/g)].map(Number)];
  return [...new Set(all)].toSorted((a, b) => a - b);
}
