import type { Step, StepsPage } from '../../application/queries/agent-steps.ts';

/** Steps of an agent as shown to programs. Fields without a value are absent. */
export function stepsView({ steps, nextCursor, previousCursor, atEnd }: StepsPage) {
  return {
    steps: steps.map(stepView),
    next_cursor: nextCursor,
    previous_cursor: previousCursor,
    at_end: atEnd,
  };
}

function stepView({ seq, at, kind, title, text, truncated, tool, isError }: Step) {
  return {
    seq,
    ...(at === null ? {} : { at: new Date(at).toISOString() }),
    kind,
    ...(title === undefined ? {} : { title }),
    text: text.toWellFormed(),
    ...(truncated === undefined ? {} : { truncated }),
    ...(tool === undefined ? {} : { tool: tool.toWellFormed() }),
    ...(isError === undefined ? {} : { is_error: isError }),
  };
}

export const stepKinds = [
  'text',
  'tool',
  'result',
  'reasoning',
  'stderr',
  'notice',
  'attempt',
] as const satisfies readonly Step['kind'][];
