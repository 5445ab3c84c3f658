import type { Workflow } from '../../domain/workflow.ts';

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
