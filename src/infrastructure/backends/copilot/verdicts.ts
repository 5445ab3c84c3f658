import type { ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { countOf } from '../../../domain/usage.ts';
import { maxText } from '../shared/json-lines.ts';
import { type Json, textOf } from '../shared/json-values.ts';
import { kindOfStatus } from '../shared/provider-status.ts';

/** Failures from Copilot's output; see test/fixtures/copilot. */

export const interrupted: Verdict = failed('signal', 'Copilot was interrupted before it finished.');

/** Adds the failure that Copilot reports only on stderr, before it starts. */
export function withStderr(run: ParsedRun, stderrTail: string): ParsedRun {
  const missing = /^Error: (No authentication information found)/m.exec(stderrTail)?.[1];
  if (run.verdict !== null || missing === undefined) return run;
  return { ...run, verdict: failed('auth_required', `${missing}.`) };
}

/** A last line without an explanation. */
export function endedWithout(exitCode: number): Verdict {
  return failed(null, `Copilot ended with status ${exitCode} and without an answer.`);
}

/** Copilot reports this in the model's name and exits with status 0. */
export function refused(said: string): Verdict | null {
  return said.startsWith('The model returned no content because the response was blocked by content filter')
    ? failed('refused', said)
    : null;
}

/** A temporary refusal, after which Copilot retries by itself. Null for other statuses, which Copilot reports. */
export function refusalOf(status: number): Verdict | null {
  const kind = kindOfStatus(status);
  return kind === 'rate_limited' ? failed(kind, `The provider answered ${status}`) : null;
}

/**
 * @param data of a `session.error` line
 * @param errorCode the provider's error code, if reported earlier
 */
export function failureOf({ errorType, statusCode, message }: Json, errorCode: string): Verdict {
  const words =
    textOf(message).replaceAll(/\s*\n\s*/g, ' ') || 'Copilot reported an error without a message.';
  const known = codes[errorCode] ?? types[textOf(errorType)] ?? kindOfStatus(countOf(statusCode));
  // Copilot does not send a prompt that is too long, and gives no other sign of it.
  const kind = known ?? (/exceeds the model's prompt budget/.test(words) ? 'context_exceeded' : null);
  return failed(kind, startOf(words, maxText));
}

/** Codes of providers, in OpenAI's terms. */
const codes: Readonly<Record<string, FailureKind>> = {
  context_length_exceeded: 'context_exceeded',
  content_filter: 'refused',
  insufficient_quota: 'auth_required',
  model_not_found: 'model_unavailable',
};

/** Copilot's own types. */
const types: Readonly<Record<string, FailureKind>> = {
  authentication: 'auth_required',
  authorization: 'auth_required',
  rate_limit: 'rate_limited',
  quota: 'rate_limited',
  context_limit: 'context_exceeded',
};

function failed(kind: FailureKind | null, message: string): Verdict {
  return { ok: false, kind, message, retryAt: null };
}
