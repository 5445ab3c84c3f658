import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const tokenCommand: CliCommand = {
  name: 'token',
  summary: 'Print the HTTP access token',
  details:
    "Created on first use, readable only by you. 'maos serve --http' requires it in every request of a program; 'maos open' signs a browser in without it.",
  arguments: [],
  options: [
    {
      flags: '--rotate',
      description:
        'replace the token: running servers use the new one at once and close connections opened with the old one; browsers are signed out',
      kind: 'flag',
    },
  ],
  examples: [
    { line: 'maos token', says: 'for the header Authorization: Bearer …' },
    { line: 'maos token --rotate', says: 'revoke the old token' },
  ],
  async run({ options, terminal, json, runtime }) {
    const token = await runtime().httpToken(options.flag('rotate') ? 'rotate' : 'keep');
    if (json) terminal.document({ token });
    else terminal.line(token);
    return exitStatus.done;
  },
};
