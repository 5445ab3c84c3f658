import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const versionCommand: CliCommand = {
  name: 'version',
  summary: 'Print the version',
  arguments: [],
  options: [],
  examples: [{ line: 'maos version --json', says: 'with the versions of Node and the platform' }],
  async run({ terminal, json, runtime }) {
    const { version } = runtime();
    const { version: node, platform, arch } = process;
    if (json) terminal.document({ version, node, platform: `${platform}-${arch}` });
    else terminal.line(version);
    return exitStatus.done;
  },
};
