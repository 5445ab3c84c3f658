import { shorten } from '../../domain/cut-text.ts';
import type { AgentActivity } from '../ports/backend.ts';

/** One line of at most 160 characters for a listing; null for output without new activity. */
export function describeActivity(activity: AgentActivity): string | null {
  switch (activity.type) {
    case 'text':
    case 'notice':
      return oneLine(activity.text);
    case 'tool_use':
      return oneLine(activity.detail === '' ? activity.tool : `${activity.tool}: ${activity.detail}`);
    default:
      return null;
  }
}

function oneLine(text: string): string | null {
  // Does not split the text, because a chunk of output can hold thousands of lines.
  const line = /\S.*/.exec(text)?.[0].trimEnd();
  return line === undefined ? null : shorten(line, 160, '...');
}
