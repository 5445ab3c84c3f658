import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** Internal: started by a maos that must exit, or that finds sessions without an owner; see Runtime.supervise. */
export const superviseCommand: CliCommand = {
  name: 'supervise',
  summary: 'Run the sessions of a project that no maos process runs',
  arguments: [],
  options: [
    { flags: '--from <instance>', description: 'wait for this instance to exit first', kind: 'text' },
  ],
  examples: [],
  hidden: true,
  async run({ options, projectPath, runtime }) {
    await runtime().supervise(projectPath, options.text('from') ?? null);
    return exitStatus.done;
  },
};
