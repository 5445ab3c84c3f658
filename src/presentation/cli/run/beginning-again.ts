import type { Workflow } from '../../../domain/workflow.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CommandContext } from '../command.ts';
import { canAsk, confirms } from '../shell/confirmation.ts';

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
  const said = `${beginAgainText(names)}: an interrupted program has no conversation to resume.`;
  if (canAsk(context)) return confirms(context, `${oneLine(said)} Resume?`);
  context.terminal.notice(said);
  return true;
}
