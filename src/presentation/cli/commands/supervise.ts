import { MaosError } from '../../../domain/errors.ts';
import type { CliCommand } from '../command.ts';
import { exitStatus } from '../exit-status.ts';

/** What a maos that must exit starts in its place; see Runtime.handOver. Not for people. */
export const superviseCommand: CliCommand = {
  name: 'supervise',
  summary: 'Take over the sessions of a maos that has exited',
  arguments: [],
  options: [{ flags: '--from <instance>', description: 'the instance that has exited', kind: 'text' }],
  examples: [],
  hidden: true,
  async run({ options, projectPath, runtime }) {
    const from = options.text('from');
    if (from === undefined) throw new MaosError('INVALID_INPUT', 'supervise needs --from INSTANCE.');
    await runtime().supervise(projectPath, from);
    return exitStatus.done;
  },
};
