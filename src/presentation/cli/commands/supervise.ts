import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

/** What a maos that must exit starts in its place, or finds missing; see Runtime.supervise. Not for people. */
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
