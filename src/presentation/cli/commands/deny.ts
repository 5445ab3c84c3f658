import type { CliCommand } from '../command.ts';
import { allProjectsOption, answerRequest, messageOption, requestArgument } from '../run/answer-request.ts';

export const denyCommand: CliCommand = {
  name: 'deny',
  summary: 'Deny what an agent asks permission for',
  details:
    'The agent continues without it. The first answer stands. Exit status: 0 denied, 3 no such request, 4 the request is no longer open, or the caller is an agent.',
  arguments: [requestArgument],
  options: [messageOption('what to tell the agent'), allProjectsOption],
  examples: [
    { line: "maos deny latest --message 'Not on main: make a branch.'", says: 'and say what to do instead' },
  ],
  run: (context) =>
    answerRequest(context, {
      kind: 'permission',
      decision: 'deny',
      message: context.options.text('message') ?? null,
    }),
};
