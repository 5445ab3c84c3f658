import type { Content } from '../answers/content.ts';

export interface PromptArgument {
  readonly name: string;
  readonly description: string;
  readonly required: boolean;
  /** Values worth offering; others are taken as well. */
  readonly suggestions?: readonly string[];
}

export interface PromptMessage {
  readonly role: 'user' | 'assistant';
  readonly content: Content;
}

/** A request written out beforehand, that a person picks in the client and fills in. */
export interface Prompt {
  readonly name: string;
  readonly title: string;
  readonly description: string;
  readonly arguments: readonly PromptArgument[];
  /** @param values of the arguments given: every required one is there, and none that is not an argument */
  messages(values: Readonly<Record<string, string>>): readonly PromptMessage[];
}

/** A prompt of one message from the user. */
export function definePrompt(
  definition: Omit<Prompt, 'messages'> & { text(values: Readonly<Record<string, string>>): string },
): Prompt {
  const { text, ...rest } = definition;
  return {
    ...rest,
    messages: (values) => [{ role: 'user', content: { type: 'text', text: text(values) } }],
  };
}
