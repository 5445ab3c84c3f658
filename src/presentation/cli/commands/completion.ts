import { MaosError, quote } from '../../../domain/errors.ts';
import type { CliCommand } from '../command.ts';
import { completionScript, shells } from '../completion/scripts.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const completionCommand: CliCommand = {
  name: 'completion',
  summary: 'Print the script that lets your shell complete maos commands',
  details:
    'Completes commands, options and their values, sessions, agents, requests, roles, backends and settings. The script asks maos for them, so it stays correct when maos is upgraded.',
  arguments: [{ syntax: '<shell>', description: 'bash, zsh or fish', choices: shells }],
  options: [],
  examples: [
    { line: 'maos completion bash >> ~/.bashrc', says: 'for bash, in every new shell' },
    {
      line: 'maos completion zsh >> ~/.zshrc',
      says: 'for zsh',
    },
    { line: 'maos completion fish > ~/.config/fish/completions/maos.fish', says: 'for fish' },
  ],
  async run({ args, terminal, json }) {
    const [name = ''] = args;
    const shell = shells.find((known) => known === name);
    if (shell === undefined) throw unknownShell(name);
    const script = completionScript(shell);
    if (json) terminal.document({ shell, script });
    else terminal.write(script);
    return exitStatus.done;
  },
};

function unknownShell(name: string): MaosError {
  return new MaosError(
    'INVALID_INPUT',
    `There is no completion for ${quote(name)}. Use ${shells.join(', ').replace(/, (\w+)$/, ' or $1')}.`,
    { details: { command: 'completion' } },
  );
}
