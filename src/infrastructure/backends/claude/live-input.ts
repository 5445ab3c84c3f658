import type { AgentActivity, LiveInput } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { maxText } from '../shared/json-lines.ts';
import { asJson, type Json, listOf, textOf } from '../shared/json-values.ts';
import { entryOf, uuidOf } from './entry-uuid.ts';

/*
 * What Claude Code reads with `--input-format stream-json`, one JSON object per line, and what it prints in response
 * with `--replay-user-messages` and `--permission-prompt-tool stdio`.
 */

export const liveArguments = [
  ...['--input-format', 'stream-json', '--replay-user-messages'],
  ...['--permission-prompt-tool', 'stdio'],
];

/** Claude Code 2.0 requires the tool's input in the answer, later versions do not. A longer input is left out. */
const maxRepeatedInput = 2 ** 20;
/**
 * The field of a tool's input that it acts on, for people and rules. By the tool, because another field that the model
 * adds must not be shown in its place.
 */
const actionFields: ReadonlyMap<string, string> = new Map(
  Object.entries({
    command: ['Bash', 'PowerShell', 'Monitor'],
    file_path: ['Edit', 'MultiEdit', 'Read', 'Write'],
    notebook_path: ['NotebookEdit', 'NotebookRead'],
    path: ['Glob', 'Grep', 'LS'],
    plan: ['ExitPlanMode'],
    prompt: ['Agent', 'Task'],
    query: ['WebSearch'],
    url: ['WebFetch'],
  }).flatMap(([field, tools]) => tools.map((tool) => [tool, field] as const)),
);

/** The tool with which the model asks its user. Its permission request carries the question, and the answer to it. */
const questionTool = 'AskUserQuestion';

export const liveInput: LiveInput = {
  takesTexts: 'at_once',
  text: (entry, text) =>
    line({
      type: 'user',
      message: { role: 'user', content: text },
      parent_tool_use_id: null,
      session_id: '',
      uuid: uuidOf(entry),
    }),
  permission({ key, input }, answer) {
    if (!answer.allow) return control(key, { behavior: 'deny', message: answer.message });
    if (answer.text !== undefined) {
      const answers = Object.fromEntries(questionsOf(input ?? {}).map((question) => [question, answer.text]));
      return control(key, { behavior: 'allow', updatedInput: { ...input, answers } });
    }
    return control(key, { behavior: 'allow', ...(input === null ? {} : { updatedInput: input }) });
  },
};

/** A user message that Claude Code prints because it has accepted it; null for any other line. */
export function readReplay({ isReplay, uuid, message }: Json): AgentActivity | null {
  const entry = isReplay === true ? entryOf(textOf(uuid)) : null;
  if (entry === null) return null;
  return entry === 'prompt'
    ? { type: 'received', entry }
    : { type: 'received', entry, text: startOf(textOf(asJson(message).content), maxText) };
}

/** A request to the program that started Claude Code. */
export function readControlRequest({ request_id, request: told }: Json): readonly AgentActivity[] {
  const key = textOf(request_id);
  const request = asJson(told);
  if (key === '') return [];
  if (request.subtype !== 'can_use_tool') {
    const error = `MAOS does not answer requests of the kind '${textOf(request.subtype)}'.`;
    const bytes = line({ type: 'control_response', response: { subtype: 'error', request_id: key, error } });
    return [{ type: 'refusal', key, bytes }];
  }
  const tool = textOf(request.tool_name);
  const input = asJson(request.input);
  const reason = textOf(request.decision_reason) || textOf(request.description) || null;
  const questions = tool === questionTool && canRepeat(input) ? questionsOf(input) : [];
  if (questions.length > 0) {
    const choices = questions.length > 1 ? [] : choicesOf(input);
    return [{ type: 'permission', key, tool, action: questions.join('\n'), reason: null, input, choices }];
  }
  const action = describeAction(tool, input) || tool || 'a tool';
  return [{ type: 'permission', key, tool, action, reason, input: canRepeat(input) ? input : null }];
}

function questionsOf(input: Json): readonly string[] {
  return listOf(input.questions)
    .map(({ question }) => textOf(question))
    .filter((question) => question.trim() !== '');
}

function choicesOf(input: Json): readonly string[] {
  const [first] = listOf(input.questions);
  return listOf(first?.options)
    .map(({ label }) => textOf(label))
    .filter((label) => label.trim() !== '');
}

function canRepeat(input: Json): boolean {
  try {
    return JSON.stringify(input).length <= maxRepeatedInput;
  } catch {
    // Nested too deeply to be written as JSON.
    return false;
  }
}

/** The text that rules are matched against. For a tool with fields that MAOS does not know, it contains all of them. */
function describeAction(tool: string, input: Json): string {
  const value = textOf(input[actionFields.get(tool) ?? '']);
  // The parentheses keep it from being taken for the command alone by a rule that allows that.
  const place = input.dangerouslyDisableSandbox === true ? ' (outside the sandbox of Claude Code)' : '';
  if (value !== '') return `${value}${place}`;
  try {
    const text = JSON.stringify(input);
    return text === '{}' ? '' : text;
  } catch {
    // Nested too deeply to be written as JSON. Only rules without a pattern apply.
    return '';
  }
}

function control(key: string, response: Json): Uint8Array {
  return line({ type: 'control_response', response: { subtype: 'success', request_id: key, response } });
}

function line(value: Json): Uint8Array {
  return Buffer.from(`${JSON.stringify(value)}\n`);
}
