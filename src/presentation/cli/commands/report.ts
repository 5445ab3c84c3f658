import { reportMilestone } from '../../../application/control/report-milestone.ts';
import { MaosError } from '../../../domain/errors.ts';
import { callingAgent } from '../../calling-agent.ts';
import type { CliCommand } from '../command.ts';
import { exitStatus } from '../shell/exit-status.ts';

export const reportCommand: CliCommand = {
  name: 'report',
  summary: 'Report a milestone as an agent',
  details:
    "For programs that an agent runs; the MAOS_* variables identify the agent. 'maos status', 'maos events' and the live view show the report until the agent reports something else.",
  arguments: [{ syntax: '<text>', description: 'what the agent has reached, at most 500 characters' }],
  options: [
    {
      flags: '--progress <percent>',
      description: 'how much of its task is done',
      kind: 'integer',
      range: [0, 100],
    },
  ],
  examples: [
    { line: "maos report 'All 40 tests pass' --progress 80", says: 'in a script that an agent runs' },
  ],
  async run(context) {
    const { args, options, json, terminal, env, runtime, projectPath } = context;
    const agent = await callingAgent(runtime(), env, projectPath);
    if (agent === null) {
      throw new MaosError(
        'FORBIDDEN',
        "'maos report' is for programs that an agent runs: MAOS_AGENT_ID is not set here. To see a team's reports, run 'maos status'.",
      );
    }
    const { project, caller } = agent;
    const report = { text: args[0] ?? '', progress: options.number('progress') ?? null };
    await reportMilestone(project, caller, report);
    if (json) terminal.document({ agent_id: caller.agentId, session_id: caller.sessionId, ...report });
    return exitStatus.done;
  },
};
