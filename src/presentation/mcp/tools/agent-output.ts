import * as z from 'zod';
import { checkNumberOf } from '../../../application/queries/check-output.ts';
import { outputViews } from '../../../application/queries/output-lines.ts';
import { MaosError } from '../../../domain/errors.ts';
import { inState } from '../../../domain/state-words.ts';
import { agentState } from '../../contracts/session-answers.ts';
import { roomBeside } from '../answers/budget.ts';
import { readPage, readTail } from '../answers/output-page.ts';
import { locateAgent } from '../answers/sessions.ts';
import { defineTool, readsOnly } from '../server/tool.ts';

const input = z.strictObject({
  agent_id: z.string().describe('Or a name in the newest session'),
  stream: z.enum(outputViews).default('readable').describe("readable: parsed from the CLI's output"),
  check: z
    .union([z.int().min(1), z.enum(['last'])])
    .optional()
    .describe('Output of this check of its work instead'),
  tail_lines: z.int().min(1).max(1_000).optional().describe('Only the last lines'),
  cursor: z.string().optional(),
});

const output = z.strictObject({
  summary: z.string(),
  agent_id: z.string(),
  name: z.string(),
  state: agentState,
  text: z.string(),
  next_cursor: z.string(),
  at_end: z.boolean(),
});

export const agentOutput = defineTool({
  name: 'agent-output',
  title: 'Output of an agent',
  description:
    'Output of an agent, in pages from the start, or its last lines. Continue from next_cursor, also later when there is more.',
  input,
  output,
  annotations: readsOnly,
  async run({ agent_id, stream, check, tail_lines, cursor }, context) {
    if (tail_lines !== undefined && cursor !== undefined) {
      throw new MaosError('INVALID_INPUT', 'agent-output: give tail_lines or cursor, not both.');
    }
    const { project, agent } = await locateAgent(context, agent_id);
    const frame = {
      summary: 'x'.repeat(240),
      agent_id: agent.id,
      name: agent.name,
      state: agent.state,
      text: '',
      next_cursor: 'x'.repeat(40),
      at_end: false,
    };
    const room = roomBeside(frame);
    const number = check === undefined ? undefined : checkNumberOf(agent, String(check));
    const source = { project, agent, view: stream, check: number };
    const page =
      tail_lines === undefined
        ? await readPage(source, cursor ?? null, room)
        : await readTail(source, tail_lines, room);
    return { ...frame, ...page, summary: `${agent.name} ${inState(agent.state)}. ${page.summary}` };
  },
});
