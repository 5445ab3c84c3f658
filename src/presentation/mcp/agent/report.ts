import * as z from 'zod';
import { reportMilestone } from '../../../application/control/report-milestone.ts';
import { agentTool, changesRecords } from './agent-tool.ts';

const input = z.strictObject({
  text: z.string(),
  progress: z.int().min(0).max(100).optional().describe('Percent done'),
});

/** Makes a milestone visible to those who watch the team. */
export const report = agentTool({
  name: 'report',
  title: 'Report',
  description: 'Tells those who watch the team what you have reached, in a sentence. For milestones only.',
  input,
  annotations: changesRecords,
  async run({ text, progress = null }, { project, caller }) {
    await reportMilestone(project, caller, { text, progress });
    return 'Reported.';
  },
});
