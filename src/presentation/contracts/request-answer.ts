import { MaosError } from '../../domain/errors.ts';
import type { Answer } from '../../domain/input-request.ts';

interface GivenAnswer {
  readonly decision?: 'allow' | 'deny' | undefined;
  readonly message?: string | undefined;
  readonly answer?: string | undefined;
}

/**
 * A client's answer to a permission request or a question.
 * @param where names the input in the error message
 * @throws MaosError INVALID_INPUT when it is not exactly one of the two
 */
export function answerOf({ decision, message, answer }: GivenAnswer, where: string): Answer {
  if (decision !== undefined && answer === undefined) {
    return { kind: 'permission', decision, message: message ?? null };
  }
  if (answer !== undefined && decision === undefined && message === undefined) {
    return { kind: 'question', text: answer };
  }
  throw new MaosError(
    'INVALID_INPUT',
    `${where}: give either decision (with a message, if you like) for a permission, or answer for a question.`,
  );
}
