import type { Workflow } from '../../../domain/workflow.ts';
import { beginAgainText, beginningAgain } from '../../contracts/beginning-again.ts';
import { oneLine } from '../../contracts/event-lines.ts';
import type { CommandContext } from '../command.ts';
import { canAsk, confirms } from '../shell/confirmation.ts';

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
