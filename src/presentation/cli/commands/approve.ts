import type { CliCommand } from '../command.ts';
import { allProjectsOption, answerRequest, messageOption, requestArgument } from '../run/answer-request.ts';

export const approveCommand: CliCommand = {
  name: 'approve',
  summary: 'Allow what an agent asks permission for',
  details:
    'The first answer stands. Exit status: 0 allowed, 3 no such request, 4 the request is no longer open, or the caller is an agent.',
  arguments: [requestArgument],
  options: [messageOption('a note, kept with the answer'), allProjectsOption],
  examples: [
    { line: 'maos approve latest', says: 'the newest open permission' },
    { line: 'maos approve k7q2', says: 'by the end of its id' },
  ],
  run: (context) =>
    answerRequest(context, {
      kind: 'permission',
      decision: 'allow',
      message: context.options.text('message') ?? null,
    }),
};
