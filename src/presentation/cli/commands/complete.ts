import type { CliCommand } from '../command.ts';
import { complete } from '../completion/candidates.ts';
import { knownWords } from '../completion/known-words.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** @param commands called late, because the table of commands contains this one */
export function makeCompleteCommand(commands: () => readonly CliCommand[]): CliCommand {
  return {
    name: '__complete',
    summary: 'Print the completions of the last of these words',
    hidden: true,
    arguments: [{ syntax: '[words...]', description: 'the words after maos, after --' }],
    options: [],
    examples: [],
    async run(context) {
      const { terminal, args } = context;
      try {
        const { candidates, shell, goesOn } = await complete(args, commands(), knownWords(context));
        if (shell !== null) terminal.line(`:${shell}`);
        if (goesOn) terminal.line(':goes-on');
        for (const { word, says } of candidates) {
          terminal.write(
            `${terminal.harmless(word)}${says === undefined ? '' : `\t${terminal.harmless(says)}`}\n`,
          );
        }
      } catch {
        // In the middle of a line nobody can read an error; the command itself will report it.
      }
      return exitStatus.done;
    },
  };
}
