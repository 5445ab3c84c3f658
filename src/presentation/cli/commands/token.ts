import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const tokenCommand: CliCommand = {
  name: 'token',
  summary: 'Print the token that opens HTTP mode',
  details: "Made at the first use, readable by you alone. 'maos serve --http' asks for it in every request.",
  arguments: [],
  options: [
    {
      flags: '--rotate',
      description:
        'make a new one: servers that run take it at once, and cut what was opened with the old one',
      kind: 'flag',
    },
  ],
  examples: [
    { line: 'maos token', says: 'for the header Authorization: Bearer …' },
    { line: 'maos token --rotate', says: 'lock out whoever has the old one' },
  ],
  async run({ options, terminal, json, runtime }) {
    const token = await runtime().httpToken(options.flag('rotate') ? 'rotate' : 'keep');
    if (json) terminal.document({ token });
    else terminal.line(token);
    return exitStatus.done;
  },
};
