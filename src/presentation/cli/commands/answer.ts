import { MaosError } from '../../../domain/errors.ts';
import { maxAnswerLength } from '../../../domain/input-request.ts';
import type { CliCommand, CommandContext } from '../command.ts';
import { allProjectsOption, answerRequest, requestArgument } from '../run/answer-request.ts';

export const answerCommand: CliCommand = {
  name: 'answer',
  summary: "Answer an agent's question",
  details:
    'The first answer stands. Exit status: 0 answered, 3 no such request, 4 the request is no longer open, or the caller is an agent.',
  arguments: [requestArgument, { syntax: '<text...>', description: 'the answer; - reads it from stdin' }],
  options: [allProjectsOption],
  examples: [
    { line: "maos answer latest 'Use port 8080.'", says: 'the newest open question' },
    { line: 'maos answer k7q2 - < answer.md', says: 'a longer answer' },
  ],
  async run(context) {
    return answerRequest(context, { kind: 'question', text: await textOf(context) });
  },
};

async function textOf({ args, stdin }: CommandContext): Promise<string> {
  const words = args.slice(1);
  const text = words.length === 1 && words[0] === '-' ? await readAll(stdin) : words.join(' ');
  if (text.trim() !== '') return text;
  throw new MaosError(
    'INVALID_INPUT',
    'The answer is empty. Give it after the id, or - to read it from stdin.',
  );
}

async function readAll(stdin: CommandContext['stdin']): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of stdin) {
    const bytes = Buffer.from(part);
    size += bytes.length;
    // A character has at most four bytes in UTF-8. This limits only memory; the exact length is checked later.
    if (size > 4 * maxAnswerLength + 4) {
      throw new MaosError(
        'INVALID_INPUT',
        `The answer on stdin has more than ${maxAnswerLength} characters. Write it to a file and name that.`,
      );
    }
    parts.push(bytes);
  }
  return Buffer.concat(parts).toString('utf8').trimEnd();
}
