import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CommandContext } from '../command.ts';

/** Further agents are only counted. */
const maxNames = 5;

/** Names of interrupted agents without a conversation to resume, which will repeat their work. */
export function beginningAgain({ agents }: Workflow): readonly string[] {
  return agents
    .filter(({ state, conversation }) => state === 'resumable' && conversation === null)
    .map(({ name }) => name);
}

/** `build starts again from the beginning`; `build, test start again …`. */
export function beginAgainText(names: readonly string[]): string {
  const more = names.length > maxNames ? ` and ${names.length - maxNames} more` : '';
  const who = `${names.slice(0, maxNames).join(', ')}${more}`;
  return `${who} ${names.length === 1 ? 'starts' : 'start'} again from the beginning`;
}

/**
 * Reports which agents of a paused session would start over, and asks for confirmation if the user can answer.
 * @returns false when the answer is no
 */
export async function mayBeginAgain(context: CommandContext, workflow: Workflow): Promise<boolean> {
  const names = workflow.session.state === 'paused' ? beginningAgain(workflow) : [];
  if (names.length === 0 || context.options.flag('yes')) return true;
  const { terminal, stdin, json } = context;
  const said = `${beginAgainText(names)}: an interrupted program has no conversation to resume.`;
  if (json || stdin.isTTY !== true || !terminal.hasReader) {
    terminal.notice(said);
    return true;
  }
  terminal.question(`${oneLine(said)} Resume? [y/N] `);
  return /^y(es)?$/i.test((await firstLine(stdin)).trim());
}

async function firstLine(stdin: NodeJS.ReadableStream): Promise<string> {
  const { createInterface } = await import('node:readline');
  const lines = createInterface({ input: stdin, terminal: false });
  try {
    for await (const line of lines) return line;
    return '';
  } finally {
    lines.close();
  }
}
