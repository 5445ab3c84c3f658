import type { AgentActivity } from '../../../application/ports/backend.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { maxText } from '../shared/json-lines.ts';
import { asJson, describeInput, type Json, listOf, textOf } from '../shared/json-values.ts';
import { teamServerName } from '../shared/team-server.ts';
import { contentText } from './agent-message.ts';
import type { PermissionSubject } from './journal.ts';

const maxTitle = 200;
const teamToolTitle = new RegExp(`^[a-z_]{1,40} \\(${teamServerName} MCP Server\\)$`);
/** A longer action is not passed on. No part of it either, because rules would answer for all of it. */
const maxAction = 65_536;
/** The fields of a tool's input that describe the action, for people and rules. */
const actionKeys = ['file_path', 'filePath', 'path', 'abs_path', 'url', 'query'];

/** A short description of a tool call: `execute: npm test`. */
export function describeTool(tool: Json): string {
  const { tool: name, detail } = toolUse(tool);
  return detail === '' ? name : `${name}: ${detail}`;
}

export type ToolUse = Extract<AgentActivity, { readonly type: 'tool_use' }>;

export function toolUse(tool: Json): ToolUse {
  const name = textOf(tool.name) || textOf(tool.kind) || 'tool';
  const detail = textOf(tool.title).split('\n', 1)[0] || describeInput(asJson(tool.rawInput));
  return { type: 'tool_use', tool: startOf(name, maxTitle), detail: startOf(detail, maxTitle) };
}

/** The tool that a permission is requested for; see {@link actionOf}. */
export function subjectOf(tool: Json): PermissionSubject {
  const { tool: name, detail } = toolUse(tool);
  const action = textOf(tool.action) || detail || name;
  const { reason, description } = asJson(tool.rawInput);
  const title = textOf(tool.title).trim();
  const why = textOf(reason).trim() || textOf(description).trim() || (title === action ? '' : title);
  return { tool: name, action, reason: why === '' ? null : why };
}

/** Whether it is a tool of the team's server, as Gemini CLI names them. The other programs do not ask about these. */
export function isTeamTool({ kind, title }: Json): boolean {
  return kind === 'other' && teamToolTitle.test(textOf(title));
}

/** What the tool does, in full: a command, a path or an address. Empty if the program does not say. */
export function actionOf(tool: Json): string {
  const input = asJson(tool.rawInput);
  const named = actionKeys.map((key) => textOf(input[key]));
  const paths = [...listOf(tool.locations), ...listOf(tool.content)].map(({ path }) => textOf(path));
  const action = [commandOf(input.command), ...named, ...paths].find((text) => text !== '') ?? '';
  return action.length <= maxAction ? action : `${action.length} characters, too long to show`;
}

/** A command line, or the script in a list of arguments such as `bash -lc SCRIPT`. */
function commandOf(command: unknown): string {
  if (!Array.isArray(command)) return textOf(command);
  const words = command.map(textOf);
  const [shell = '', flags = '', script = ''] = words;
  const isScript = words.length === 3 && /(^|\/)(ba|z|da)?sh$/.test(shell) && /^-l?c$/.test(flags);
  return isScript ? script : words.join(' ');
}

/** The result in an update that reports the end of a tool; none in others. */
export function toolResult(update: Json): readonly AgentActivity[] {
  const { status } = update;
  if (status !== 'completed' && status !== 'failed') return [];
  const told = listOf(update.content)
    .map((part) => (part.type === 'content' ? contentText(asJson(part.content)) : diffText(part)))
    .filter((text) => text !== '');
  const text = told.join('\n') || rawText(update.rawOutput);
  return [{ type: 'tool_result', ok: status === 'completed', text: startOf(text, maxText) }];
}

function diffText({ type, path }: Json): string {
  return type === 'diff' ? `Changed ${textOf(path)}` : '';
}

function rawText(output: unknown): string {
  if (typeof output === 'string') return textOf(output);
  return output === undefined || output === null ? '' : describeInput(asJson(output));
}

/** The current step of a plan, and the number of steps. */
export function planNotice(entries: readonly Json[]): readonly AgentActivity[] {
  if (entries.length === 0) return [];
  const done = entries.filter(({ status }) => status === 'completed').length;
  const current = entries.find(({ status }) => status === 'in_progress');
  const at = current === undefined ? '' : `: ${startOf(textOf(current.content), maxTitle)}`;
  return [{ type: 'notice', text: `Plan, ${done} of ${entries.length} done${at}` }];
}
