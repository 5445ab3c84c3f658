import * as z from 'zod';
import type { FailureKind } from '../../../domain/agent.ts';
import { modelNamePattern, modelNameRule } from '../../../domain/model-name.ts';
import { type Kind, listOfTexts, oneOf, orNone, textLike, variables } from '../../config/kinds.ts';
import { namedEntries } from '../../config/named-entries.ts';
import { required, setting, type Values } from '../../config/setting.ts';
import { expression, matcher } from './matcher.ts';

const backendName = textLike(
  /^[a-z][a-z0-9_-]{0,39}$/,
  "a name of at most 40 lower-case letters, digits, '-' or '_', beginning with a letter",
);

const commandLine: Kind<readonly string[]> = {
  ...listOfTexts('word'),
  schema: listOfTexts('word').schema.refine((words) => words.length > 0),
  allowed: 'a list of texts: the program and its arguments',
};

/** The failure kinds that a message can indicate. */
const tellingKinds = [
  'rate_limited',
  'auth_required',
  'model_unavailable',
  'context_exceeded',
  'refused',
  'budget_exceeded',
] as const satisfies readonly FailureKind[];

const failureKinds: Kind<Partial<Readonly<Record<(typeof tellingKinds)[number], string>>>> = {
  schema: z.partialRecord(z.enum(tellingKinds), expression.schema) as never,
  allowed: `an object of regular expressions, by ${tellingKinds.join(', ')}`,
  fromText: (text) => text,
};

const replacements: Kind<Readonly<Record<string, string>>> = {
  schema: z.record(z.string().min(1).max(20), z.string().max(40)),
  allowed: 'an object with the replacement of each text, such as {"@": "\\\\@"}',
  fromText: (text) => text,
};

const keys = listOfTexts('name of a variable, or a beginning of names with * after it,');

/** A CLI of the user's own: `backends.custom.<name>` in `config.json`. */
const customFields = {
  command: setting(
    commandLine,
    required,
    'The program and its arguments. {prompt} or {promptFile} is replaced in them; without either, the prompt is on stdin.',
  ),
  roleArgs: setting(
    listOfTexts('argument'),
    [],
    'Arguments that give the role, with {role}; none: the role opens the prompt.',
  ),
  modelArgs: setting(listOfTexts('argument'), [], 'Arguments that name a model, with {model}.'),
  model: setting(
    orNone(textLike(modelNamePattern, modelNameRule)),
    null,
    'Default model; null: none is named.',
  ),
  resumeArgs: setting(
    listOfTexts('argument'),
    [],
    'Arguments that resume a conversation, with {conversation}; none: interrupted agents start again.',
  ),
  env: setting(variables, {}, 'Variables it gets, with their values.'),
  pass: setting(keys, [], "Providers' keys it gets from the environment of MAOS."),
  escape: setting(replacements, {}, 'Replacements in text from others, so that the CLI does not act on it.'),
  output: setting(oneOf(['lines', 'json']), 'lines', 'Lines of text, or one JSON object a line.'),
  text: setting(orNone(matcher), null, 'The part of a JSON record that is shown to people.'),
  result: setting(orNone(matcher), null, 'The result; the last match counts. null: the last lines.'),
  error: setting(
    orNone(matcher),
    null,
    'An error in the output; the agent fails, whatever the exit status, unless a result follows.',
  ),
  conversation: setting(orNone(matcher), null, 'The id of the conversation.'),
  inputTokens: setting(orNone(matcher), null, 'Input tokens of the run so far.'),
  outputTokens: setting(orNone(matcher), null, 'Output tokens of the run so far.'),
  costUsd: setting(orNone(matcher), null, 'US dollars of the run so far.'),
  failureKinds: setting(
    failureKinds,
    {},
    'Kinds of failure, by what the error or the end of stderr matches.',
  ),
};

export type CustomSettings = Values<typeof customFields>;

const placeholder = /\{(\w+)\}/g;

/** A problem between settings that are valid individually, to follow their path; null: none. */
function wrongTogether(settings: CustomSettings): string | null {
  const { command, output } = settings;
  const lists = {
    command: ['prompt', 'promptFile'],
    roleArgs: ['role'],
    modelArgs: ['model'],
    resumeArgs: ['conversation'],
  } as const;
  for (const [key, names] of Object.entries(lists)) {
    const words: readonly string[] = settings[key as keyof typeof lists];
    const used = words.flatMap((word) => [...word.matchAll(placeholder)].map(([, name = '']) => name));
    const stranger = used.find((name) => !(names as readonly string[]).includes(name));
    const known = names.map((name) => `{${name}}`).join(' and ');
    if (stranger !== undefined) return `.${key} has {${stranger}}; it can have ${known}.`;
    if (key !== 'command' && words.length > 0 && used.length === 0) return `.${key} lacks ${known}.`;
    if (new Set(used).size > 1) return `.${key} has ${known}; it can have only one of them.`;
  }
  if ((command[0] ?? '').includes('{'))
    return '.command begins with a placeholder; it must begin with the program.';
  for (const key of [
    'text',
    'result',
    'error',
    'conversation',
    'inputTokens',
    'outputTokens',
    'costUsd',
  ] as const) {
    const given = settings[key];
    if (given === null || 'path' in given === (output === 'json')) continue;
    return output === 'json'
      ? `.${key} has a pattern, and the output is json; give it a path.`
      : `.${key} has a path, and the output is lines; give it a pattern, or set output to "json".`;
  }
  if (output === 'json' && settings.result === null) return ' has no "result", which the output json needs.';
  if (settings.resumeArgs.length > 0 && settings.conversation === null) {
    return '.resumeArgs needs "conversation", which says where the id is.';
  }
  return null;
}

/** User-only, because it decides which programs run. */
export const customSettings = setting(
  namedEntries(backendName, 'CLI', customFields, wrongTogether),
  {},
  'CLIs that MAOS does not know, by name: agents use one as the backend custom:NAME.',
  { userOnly: true },
);
