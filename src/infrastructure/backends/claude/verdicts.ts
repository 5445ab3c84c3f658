import type { Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { type Json, textOf } from '../shared/json-values.ts';

/** Failures from Claude Code's result line, or from its absence. */

const maxMessage = 4_000;
/** The error for `--resume` with a conversation whose file does not exist. */
const noConversation = 'No conversation found with session ID';

export const interrupted: Verdict = failed('signal', 'Claude Code was interrupted before it finished.');

/** Background tasks were stopped together with it. */
export const cutShort: Verdict = failed(
  'signal',
  'Claude Code was stopped while its background work was still running; its interim answer is not its result.',
);

function failed(kind: FailureKind | null, message: string): Verdict {
  return { ok: false, kind, message, retryAt: null };
}

export function refused(status: number): Verdict {
  const code = status === 0 ? 'no status' : status;
  return failed('auth_required', `The provider rejected the credentials (${code}).`);
}

/** It ended without a turn of the model. @param why Claude Code's own message */
export function idle(why: string): Verdict {
  const reason = why.trim() === '' ? 'it gives no reason' : why.trim();
  return failed(
    null,
    `Claude Code ended without working on the task: ${reason}. Check the hooks of the project and of the user, then retry.`,
  );
}

export function failureOf(line: Json, apiError: string, retryAt: string | null): Verdict {
  if (textOf(line.terminal_reason).startsWith('aborted_')) return interrupted;
  const kind = failureKind(line, apiError, retryAt);
  const message = startOf(textOf(line.result) || describeSubtype(line), maxMessage);
  const verdict: Verdict = { ok: false, kind, message, retryAt: kind === 'rate_limited' ? retryAt : null };
  return message.startsWith(noConversation) ? { ...verdict, isConversationGone: true } : verdict;
}

/** From Claude Code's name of the error, or else its provider's status; see test/fixtures/claude-code/README.md. */
function failureKind(line: Json, apiError: string, retryAt: string | null): FailureKind | null {
  const status = line.api_error_status;
  if (
    apiError === 'authentication_failed' ||
    apiError === 'billing_error' ||
    status === 401 ||
    status === 403
  ) {
    return 'auth_required';
  }
  if (apiError === 'rate_limit' || retryAt !== null || status === 429 || status === 529)
    return 'rate_limited';
  if (apiError === 'model_not_found') return 'model_unavailable';
  const { subtype, terminal_reason, stop_reason } = line;
  if (terminal_reason === 'prompt_too_long') return 'context_exceeded';
  if (stop_reason === 'refusal') return 'refused';
  return subtype === 'error_max_turns' || subtype === 'error_max_budget_usd' ? 'budget_exceeded' : null;
}

function describeSubtype(line: Json): string {
  const errors = Array.isArray(line.errors) ? line.errors.map(textOf).filter((text) => text !== '') : [];
  const reason = textOf(line.terminal_reason) || textOf(line.subtype) || 'without a reason';
  return errors.length > 0 ? errors.join('; ') : `Claude Code ended: ${reason.replaceAll('_', ' ')}.`;
}
