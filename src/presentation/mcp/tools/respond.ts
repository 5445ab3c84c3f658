import * as z from 'zod';
import { findRequest } from '../../../application/queries/lookup.ts';
import { InputRequests } from '../../../application/requests/input-requests.ts';
import { whenFree } from '../../../application/when-free.ts';
import { answerOf } from '../../contracts/request-answer.ts';
import { outcomeText } from '../../contracts/request-view.ts';
import { lookupIn } from '../../project-access.ts';
import { defineTool } from '../server/tool.ts';

const input = z.strictObject({
  request_id: z.string().describe("Id, unambiguous part of one, or 'latest'"),
  decision: z.enum(['allow', 'deny']).optional().describe('Of a permission'),
  message: z.string().optional().describe('What to tell the agent when denying'),
  answer: z.string().optional().describe('To a question'),
});

const output = z.strictObject({
  summary: z.string(),
  next: z.string(),
  request_id: z.string(),
  session_id: z.string(),
  state: z.string(),
});

export const respond = defineTool({
  name: 'respond',
  title: 'Answer an agent',
  description:
    "Answers an agent's open request, which wait-session and session-status list: allow or deny a permission, or answer a question. The first answer stands. Allow only what the user would.",
  input,
  output,
  // Destructive, because the agent performs the permitted action.
  annotations: { readOnlyHint: false, destructiveHint: true, idempotentHint: true, openWorldHint: true },
  async run({ request_id, ...given }, context) {
    const answer = answerOf(given, 'respond');
    const projects = lookupIn(context, new Map());
    const { project, id } = await findRequest(projects, request_id, { kind: answer.kind });
    const requests = new InputRequests(project);
    const by = { type: 'person', front: 'mcp' } as const;
    const request = await whenFree(project, () => requests.answer(id, answer, by));
    return {
      summary: outcomeText(request),
      next: `Call wait-session with session_id ${request.sessionId}.`,
      request_id: id,
      session_id: request.sessionId,
      state: request.state,
    };
  },
});
