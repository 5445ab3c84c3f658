/** The tools of the suite for 2026-07-28 that ask the client in their answer. */
import * as z from 'zod';
import { missingCapability } from '../../src/presentation/mcp/modern/modern-server.ts';
import type { ClientInput } from '../../src/presentation/mcp/server/context.ts';
import { type ClientQuestion, InputNeeded } from '../../src/presentation/mcp/server/input-needed.ts';
import { invalidParams } from '../../src/presentation/mcp/server/request-error.ts';
import { readsOnly, type Tool, type ToolContext } from '../../src/presentation/mcp/server/tool.ts';

type Questions = Readonly<Record<string, ClientQuestion>>;

export function formQuestion(
  message: string,
  name: string,
  type: 'string' | 'boolean' = 'string',
): ClientQuestion {
  const requestedSchema = { type: 'object', properties: { [name]: { type } }, required: [name] };
  return { method: 'elicitation/create', params: { mode: 'form', message, requestedSchema } };
}

function modelQuestion(text: string, maxTokens: number): ClientQuestion {
  const messages = [{ role: 'user', content: { type: 'text', text } }];
  return { method: 'sampling/createMessage', params: { messages, maxTokens } };
}

const roots: ClientQuestion = { method: 'roots/list', params: {} };

const response = z.looseObject({});

/** The answers to all questions; asks those that have none. @throws InputNeeded, RequestError for one that is no object */
export function answersTo(
  input: ClientInput | null,
  questions: Questions,
  state?: unknown,
): readonly unknown[] {
  if (input === null) throw new Error('Only for clients of 2026-07-28.');
  const names = Object.keys(questions);
  if (!names.every((name) => name in input.responses)) throw new InputNeeded(questions, state);
  return names.map((name) => {
    const parsed = response.safeParse(input.responses[name]);
    if (!parsed.success) throw invalidParams(`inputResponses.${name} is not an answer.`);
    return parsed.data;
  });
}

function tool(name: string, run: (context: ToolContext) => string | Promise<string>): Tool {
  return {
    name,
    title: name,
    description: 'Asks the client.',
    input: z.strictObject({}),
    annotations: readsOnly,
    call: async (_, context) => ({ content: [{ type: 'text', text: await run(context) }] }),
  };
}

const prefix = 'test_input_required_result_';
const userName: Questions = { user_name: formQuestion('What is your name?', 'name') };

export const askingTools: readonly Tool[] = [
  tool(`${prefix}elicitation`, ({ input }) => `Hello, ${JSON.stringify(answersTo(input, userName))}!`),
  tool(`${prefix}sampling`, ({ input }) =>
    JSON.stringify(
      answersTo(input, { capital_question: modelQuestion('What is the capital of France?', 100) }),
    ),
  ),
  tool(`${prefix}list_roots`, ({ input }) => JSON.stringify(answersTo(input, { client_roots: roots }))),
  tool(`${prefix}request_state`, ({ input }) => {
    answersTo(input, { confirm: formQuestion('Please confirm', 'ok', 'boolean') }, 'asked');
    return input?.state === 'asked' ? 'state-ok' : 'the state is lost';
  }),
  tool(`${prefix}tampered_state`, ({ input }) => {
    answersTo(input, { confirm: formQuestion('Please confirm', 'ok', 'boolean') }, 'asked');
    return 'state-ok';
  }),
  tool(`${prefix}multiple_inputs`, ({ input }) => {
    const questions = {
      ...userName,
      greeting: modelQuestion('Generate a greeting', 50),
      client_roots: roots,
    };
    return JSON.stringify(answersTo(input, questions, 'asked'));
  }),
  tool(`${prefix}multi_round`, ({ input }) => {
    if (input?.state !== 'step 2') {
      const first = { step1: formQuestion('Step 1: What is your name?', 'name') };
      answersTo(input, first, 'step 1');
      throw new InputNeeded(
        { step2: formQuestion('Step 2: What is your favorite color?', 'color') },
        'step 2',
      );
    }
    return JSON.stringify(answersTo(input, { step2: formQuestion('Step 2', 'color') }, 'step 2'));
  }),
  tool(`${prefix}capabilities`, ({ input }) => {
    const { capabilities = {} } = input ?? {};
    const questions = {
      ...('elicitation' in capabilities ? userName : {}),
      ...('sampling' in capabilities ? { greeting: modelQuestion('Generate a greeting', 50) } : {}),
      ...('roots' in capabilities ? { client_roots: roots } : {}),
    };
    return JSON.stringify(answersTo(input, questions));
  }),
  tool('test_missing_capability', ({ input }) => {
    if (input?.capabilities.sampling === undefined) throw missingCapability(['sampling']);
    return 'The client can sample.';
  }),
  tool('test_streaming_elicitation', ({ input }) => JSON.stringify(answersTo(input, userName))),
  tool('test_logging_tool', ({ runtime }) => {
    runtime.log('error', 'A message for the log');
    return 'A message was logged.';
  }),
];
