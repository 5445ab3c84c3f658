import type { Content } from '../answers/content.ts';
import type { RequestContext } from './context.ts';

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Suggested values; others are accepted too. */
  readonly suggestions?: readonly string[];
}

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: Content;
}

/** A prepared request that users select and complete in their client. */
export interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
  /** @param values of the arguments; includes every required one, and none that is not declared */
  messages(
    values: Readonly<Record<string, string>>,
    context: Pick<RequestContext, 'input'>,
  ): readonly PromptMessage[];
}

/** A prompt with a single user message. */
export function definePrompt(
  definition: Omit<Prompt, 'messages'> & { text(values: Readonly<Record<string, string>>): string },
): Prompt {
  const { text, ...rest } = definition;
  return {
    ...rest,
    messages: (values) => [{ role: 'user', content: { type: 'text', text: text(values) } }],
  };
}
