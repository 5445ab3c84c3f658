import * as z from 'zod';
import { quote } from '../../../domain/errors.ts';
import { listParams, type Methods, method, type Offer } from './methods.ts';
import { pageOf } from './page.ts';
import type { Prompt } from './prompt.ts';
import { invalidParams } from './request-error.ts';

const getParams = z.looseObject({
  name: z.string(),
  arguments: z.record(z.string(), z.string()).default({}),
});

/** `prompts/list` and `prompts/get`. */
export function promptMethods({ loadRegistry }: Pick<Offer, 'loadRegistry'>): Methods {
  return {
    'prompts/list': method(listParams, async ({ cursor }) => {
      const prompts = (await loadRegistry()).prompts.map((prompt) => ({
        name: prompt.name,
        title: prompt.title,
        description: prompt.description,
        arguments: prompt.arguments.map(({ name, description, required }) => ({
          name,
          description,
          required,
        })),
      }));
      return pageOf('prompts', prompts, cursor, 'prompts/list');
    }),

    'prompts/get': method(getParams, async ({ name, arguments: values }, call) => {
      const prompt = findPrompt((await loadRegistry()).prompts, name);
      checkValues(prompt, values);
      return { description: prompt.description, messages: prompt.messages(values, call) };
    }),
  };
}

/** @throws RequestError 'invalid params', listing the known prompts */
export function findPrompt(prompts: readonly Prompt[], name: string): Prompt {
  const prompt = prompts.find((candidate) => candidate.name === name);
  if (prompt !== undefined) return prompt;
  const names = prompts.map((known) => known.name).join(', ');
  throw invalidParams(`Unknown prompt: ${quote(name)}. There are: ${names}.`);
}

function checkValues(prompt: Prompt, values: Readonly<Record<string, string>>): void {
  const known = prompt.arguments.map(({ name }) => name);
  const unknown = Object.keys(values).find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw invalidParams(`${prompt.name} has no argument ${quote(unknown)}. It has: ${known.join(', ')}.`);
  }
  for (const { name, required, description } of prompt.arguments) {
    if (!required || (values[name] ?? '').trim() !== '') continue;
    throw invalidParams(`${prompt.name} needs the argument ${name}: ${description}`);
  }
}
