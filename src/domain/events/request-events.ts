import type { InputRequestId } from '../ids.ts';
import { showAction } from '../invisible-marks.ts';
import { event } from './event-type.ts';

interface Asked {
  readonly id: InputRequestId;
  readonly kind: 'permission' | 'question';
  /** Null for a question. */
  readonly tool: string | null;
  readonly action: string;
}

function what({ kind, tool, action }: Asked): string {
  return kind === 'question'
    ? `question: ${action}`
    : `permission for ${tool ?? 'a tool'}: ${showAction(action)}`;
}

/**
 * Events of requests to people. `agentId` is the agent that asks. Long texts are cut here; the store has them in full.
 */
export const requestEvents = {
  /** The agent waits for an answer. */
  'request.opened': event<Asked & { expiresAt: string }>({
    text: (asked) => `asks (${asked.id}): ${what(asked)}`,
  }),

  /**
   * If a rule answers a request, this is its only event. `decision`: for a permission. `text`: the answer to a
   * question, or the reason for the decision.
   */
  'request.answered': event<
    Asked & {
      decision: 'allow' | 'deny' | null;
      text: string | null;
      /** Who answered: a person and their client, an agent or a rule; for people. */
      by: string;
    }
  >({
    text({ id, kind, decision, text, by, ...asked }) {
      if (kind === 'question') return `got an answer from ${by} (${id}): ${text ?? ''}`;
      const done = decision === 'allow' ? 'allowed' : 'denied';
      return `${done} by ${by} (${id}): ${what({ id, kind, ...asked })}${text === null ? '' : ` (${text})`}`;
    },
  }),

  /** No answer came in time. A permission is then denied. */
  'request.expired': event<Asked>({
    text: (asked) =>
      `no answer in time${asked.kind === 'permission' ? ', so denied' : ''} (${asked.id}): ${what(asked)}`,
  }),

  /** The attempt that asked has ended. */
  'request.withdrawn': event<Asked>({
    text: (asked) => `no longer asks (${asked.id}): ${what(asked)}`,
  }),

  /** The agent's CLI denied an action by itself, and the agent continued without it. */
  'agent.permission_denied': event<{ name: string; tool: string | null; action: string }>({
    text: ({ tool, action }) =>
      `was not permitted${tool === null ? '' : ` ${tool}`}${action === '' ? '' : `: ${action}`}`,
  }),
};
