import type { InputRequestId } from '../ids.ts';
import { event } from './event-type.ts';

interface Asked {
  readonly id: InputRequestId;
  readonly kind: 'permission' | 'question';
  /** Null for a question. */
  readonly tool: string | null;
  readonly action: string;
}

function what({ kind, tool, action }: Asked): string {
  return kind === 'question' ? `question: ${action}` : `permission for ${tool ?? 'a tool'}: ${action}`;
}

/** What agents ask of people, and what they are refused. `agentId` is who asks. Long texts are cut; the store has them whole. */
export const requestEvents = {
  /** The agent waits for an answer. */
  'request.opened': event<Asked & { expiresAt: string }>({
    text: (asked) => `asks (${asked.id}): ${what(asked)}`,
  }),

  /** The only event of a request that a rule answers. `decision`: of a permission. `text`: of a question, or why it is denied. */
  'request.answered': event<
    Asked & {
      decision: 'allow' | 'deny' | null;
      text: string | null;
      /** A person's front, an agent's name or a rule, for people. */
      by: string;
    }
  >({
    text({ id, kind, decision, text, by, ...asked }) {
      if (kind === 'question') return `got an answer from ${by} (${id}): ${text ?? ''}`;
      const done = decision === 'allow' ? 'allowed' : 'denied';
      return `${done} by ${by} (${id}): ${what({ id, kind, ...asked })}${text === null ? '' : ` (${text})`}`;
    },
  }),

  /** Nobody answered in time: a permission is denied by it. */
  'request.expired': event<Asked>({
    text: (asked) =>
      `no answer in time${asked.kind === 'permission' ? ', so denied' : ''} (${asked.id}): ${what(asked)}`,
  }),

  /** The attempt that asked is over. */
  'request.withdrawn': event<Asked>({
    text: (asked) => `no longer asks (${asked.id}): ${what(asked)}`,
  }),

  /** The agent's CLI refused by itself what the agent wanted; the agent did without. */
  'agent.permission_denied': event<{ name: string; tool: string | null; action: string }>({
    text: ({ tool, action }) =>
      `was not permitted${tool === null ? '' : ` ${tool}`}${action === '' ? '' : `: ${action}`}`,
  }),
};
