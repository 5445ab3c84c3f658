/** The tools, resources and prompts that the conformance suites expect of every server, with their names and texts. */
import type { Prompt } from '../../src/presentation/mcp/server/prompt.ts';
import { definePrompt } from '../../src/presentation/mcp/server/prompt.ts';
import type { Registry } from '../../src/presentation/mcp/server/registry.ts';
import type { Resource } from '../../src/presentation/mcp/server/resource.ts';
import { answersTo, formQuestion } from './asking-tools.ts';
import { pixel, tools } from './fixture-tools.ts';

const resources: readonly Resource[] = [
  {
    uri: 'test://static-text',
    name: 'static-text',
    title: 'Static text',
    description: 'A text that never changes.',
    mimeType: 'text/plain',
    read: async (_, uri) => ({
      uri,
      mimeType: 'text/plain',
      text: 'This is the content of the static text resource.',
    }),
  },
  {
    uri: 'test://static-binary',
    name: 'static-binary',
    title: 'Static image',
    description: 'An image that never changes.',
    mimeType: 'image/png',
    read: async (_, uri) => ({ uri, mimeType: 'image/png', blob: pixel }),
  },
  {
    uri: 'test://template/{id}/data',
    name: 'template',
    title: 'Data by id',
    description: 'What belongs to an id.',
    mimeType: 'application/json',
    read: async ({ id }, uri) => ({
      uri,
      mimeType: 'application/json',
      text: JSON.stringify({ id, templateTest: true, data: `Data for ID: ${id}` }),
    }),
  },
  {
    uri: 'test://watched-resource',
    name: 'watched-resource',
    title: 'Watched text',
    description: 'A text that may be subscribed to.',
    mimeType: 'text/plain',
    read: async (_, uri) => ({ uri, mimeType: 'text/plain', text: 'Nothing has changed yet.' }),
    follow: async () => () => {},
  },
];

const required = (name: string, description: string, suggestions: readonly string[] = []) => ({
  name,
  description,
  required: true,
  suggestions,
});

const prompts: readonly Prompt[] = [
  definePrompt({
    name: 'test_simple_prompt',
    title: 'Simple prompt',
    description: 'A prompt without arguments.',
    arguments: [],
    text: () => 'This is a simple prompt for testing.',
  }),
  definePrompt({
    name: 'test_prompt_with_arguments',
    title: 'Prompt with arguments',
    description: 'A prompt that says its arguments.',
    arguments: [
      required('arg1', 'First test argument', ['test', 'testing']),
      required('arg2', 'Second test argument'),
    ],
    text: ({ arg1, arg2 }) => `Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`,
  }),
  {
    name: 'test_prompt_with_embedded_resource',
    title: 'Prompt with a resource',
    description: 'A prompt that holds a resource.',
    arguments: [required('resourceUri', 'URI of the resource to embed')],
    messages: ({ resourceUri = '' }) => [
      {
        role: 'user',
        content: {
          type: 'resource',
          resource: {
            uri: resourceUri,
            mimeType: 'text/plain',
            text: 'Embedded resource content for testing.',
          },
        },
      },
      { role: 'user', content: { type: 'text', text: 'Please process the embedded resource above.' } },
    ],
  },
  {
    name: 'test_prompt_with_image',
    title: 'Prompt with an image',
    description: 'A prompt that holds an image.',
    arguments: [],
    messages: () => [
      { role: 'user', content: { type: 'image', data: pixel, mimeType: 'image/png' } },
      { role: 'user', content: { type: 'text', text: 'Please analyze the image above.' } },
    ],
  },
];

const askingPrompt: Prompt = {
  name: 'test_input_required_result_prompt',
  title: 'Prompt that asks',
  description: 'A prompt that needs an answer of the user.',
  arguments: [],
  messages: (_, { input }) => {
    const [said] = answersTo(input, {
      user_context: formQuestion('What context should the prompt use?', 'context'),
    });
    return [{ role: 'user', content: { type: 'text', text: `The context is ${JSON.stringify(said)}.` } }];
  },
};

export const fixtures: Registry = { tools, resources, prompts: [...prompts, askingPrompt] };
