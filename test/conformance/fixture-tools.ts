import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { MaosError } from '../../src/domain/errors.ts';
import { parseInput } from '../../src/presentation/contracts/parse-input.ts';
import type { Content } from '../../src/presentation/mcp/answers/content.ts';
import { readsOnly, type Tool, type ToolContext } from '../../src/presentation/mcp/server/tool.ts';
import { askingTools } from './asking-tools.ts';
import { defaults, enums, user } from './elicitation-schemas.ts';

/** A PNG of one pixel. */
export const pixel =
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8DwHwAFBQIAX8jx0gAAAABJRU5ErkJggg==';

/** A WAV of no samples. */
const silence = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEAQB8AAAB9AAACABAAZGF0YQAAAAA=';

/** Delay between the steps of a slow tool, as the suites require. */
const stepMs = 50;

const text = (said: string): Content => ({ type: 'text', text: said });
const image: Content = { type: 'image', data: pixel, mimeType: 'image/png' };
const nothing = z.strictObject({});

function tool<Input>(
  name: string,
  description: string,
  input: z.ZodType<Input>,
  run: (input: Input, context: ToolContext) => Promise<readonly Content[]>,
): Tool {
  return {
    name,
    title: name,
    description,
    input,
    annotations: readsOnly,
    call: async (args, context) => ({ content: await run(parseInput(input, args, name), context) }),
  };
}

async function elicit({ client }: ToolContext, message: string, requestedSchema: object): Promise<string> {
  const { action, content } = await client.request('elicitation/create', { message, requestedSchema });
  return `action=${action}, content=${JSON.stringify(content ?? {})}`;
}

/** Keywords of JSON Schema 2020-12 that must arrive unchanged. */
const address = z
  .looseObject({ street: z.string().optional(), city: z.string().optional() })
  .meta({ id: 'address', $anchor: 'addressDef' });
const contact = z
  .strictObject({
    name: z.string().optional(),
    address: address.optional(),
    contactMethod: z.enum(['phone', 'email']).optional(),
    phone: z.string().optional(),
    email: z.string().optional(),
  })
  .meta({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    allOf: [{ anyOf: [{ required: ['phone'] }, { required: ['email'] }] }],
    if: { properties: { contactMethod: { const: 'phone' } }, required: ['contactMethod'] },
    // biome-ignore lint/suspicious/noThenProperty: it is a keyword of JSON Schema.
    then: { required: ['phone'] },
    else: { required: ['email'] },
  });

export const tools: readonly Tool[] = [
  ...askingTools,
  tool('test_simple_text', 'Answers with a text.', nothing, async () => [
    text('This is a simple text response for testing.'),
  ]),
  tool('test_image_content', 'Answers with an image.', nothing, async () => [image]),
  tool('test_audio_content', 'Answers with a sound.', nothing, async () => [
    { type: 'audio', data: silence, mimeType: 'audio/wav' },
  ]),
  tool('test_embedded_resource', 'Answers with a resource.', nothing, async () => [
    {
      type: 'resource',
      resource: {
        uri: 'test://embedded-resource',
        mimeType: 'text/plain',
        text: 'This is an embedded resource content.',
      },
    },
  ]),
  tool('test_multiple_content_types', 'Answers with several things.', nothing, async () => [
    text('Multiple content types test:'),
    image,
    {
      type: 'resource',
      resource: {
        uri: 'test://mixed-content-resource',
        mimeType: 'application/json',
        text: JSON.stringify({ test: 'data', value: 123 }),
      },
    },
  ]),
  tool('test_tool_with_logging', 'Tells the log what it does.', nothing, async (_, { runtime }) => {
    runtime.log('info', 'Tool execution started');
    await delay(stepMs);
    runtime.log('info', 'Tool processing data');
    await delay(stepMs);
    runtime.log('info', 'Tool execution completed');
    return [text('Three messages were logged.')];
  }),
  tool('test_tool_with_progress', 'Tells how far it is.', nothing, async (_, { notifyProgress }) => {
    for (const progress of [0, 50, 100]) {
      notifyProgress({ progress, total: 100, message: `${progress} of 100` });
      await delay(stepMs);
    }
    return [text('It is done.')];
  }),
  tool('test_error_handling', 'Fails.', nothing, async () => {
    throw new MaosError('FORBIDDEN', 'This tool intentionally returns an error for testing');
  }),
  tool(
    'test_sampling',
    "Asks the client's model.",
    z.strictObject({ prompt: z.string() }),
    async ({ prompt }, { client }) => {
      const messages = [{ role: 'user', content: text(prompt) }];
      const { content } = await client.request('sampling/createMessage', { messages, maxTokens: 100 });
      return [text(`LLM response: ${(content as { readonly text?: string }).text}`)];
    },
  ),
  tool(
    'test_elicitation',
    'Asks the user for a name and an address.',
    z.strictObject({ message: z.string() }),
    async ({ message }, context) => [text(`User response: ${await elicit(context, message, user)}`)],
  ),
  tool('test_elicitation_sep1034_defaults', 'Asks, and suggests answers.', nothing, async (_, context) => [
    text(`Elicitation completed: ${await elicit(context, 'Please review the suggestions', defaults)}`),
  ]),
  tool('test_elicitation_sep1330_enums', 'Lets the user choose.', nothing, async (_, context) => [
    text(`Elicitation completed: ${await elicit(context, 'Please choose', enums)}`),
  ]),
  tool('test_reconnection', 'Takes its time.', nothing, async () => {
    await delay(stepMs);
    return [text('Reconnection test completed successfully')];
  }),
  tool('json_schema_2020_12_tool', 'Tool with JSON Schema 2020-12 features', contact, async () => [
    text('ok'),
  ]),
];
