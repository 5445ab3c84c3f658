import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { countOf } from '../../../domain/usage.ts';
import { maxText } from '../shared/json-lines.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';
import { kindOfStatus } from '../shared/provider-status.ts';
import { retryTime } from '../shared/retry-time.ts';

/** Failures from opencode's output; see test/fixtures/opencode. */

/** By opencode's own error names. */
const errors: Readonly<Record<string, FailureKind>> = {
  ProviderAuthError: 'auth_required',
  ContextOverflowError: 'context_exceeded',
  ContentFilterError: 'refused',
  ProviderModelNotFoundError: 'model_unavailable',
  MessageAbortedError: 'signal',
};

/** @param timestamp of the line, in Unix milliseconds */
export function failureOf({ name, data }: Json, timestamp: unknown): Verdict {
  const { message, statusCode, responseHeaders, responseBody } = asJson(data);
  const kind = errors[textOf(name)] ?? kindOfAnswer(countOf(statusCode), textOf(responseBody));
  const words = textOf(message) || textOf(name) || 'opencode reported an error without a message.';
  const retryAt =
    kind === 'rate_limited' ? retryTime(asJson(responseHeaders)['retry-after'], Number(timestamp)) : null;
  return { ok: false, kind, message: startOf(words, maxText), retryAt };
}

/** The failure behind an unusual reason for the end of the model's last step. */
export function verdictOfReason(reason: string): Verdict {
  const told = (kind: FailureKind | null, message: string): Verdict => ({
    ok: false,
    kind,
    message,
    retryAt: null,
  });
  switch (reason) {
    case 'length':
      return told(null, 'The answer was cut off at the most tokens that the model may answer with.');
    case 'content-filter':
      return told('refused', "The response was blocked by the provider's content filter.");
    default:
      return told(null, `The model ended without an answer (${startOf(reason, 200) || 'no reason given'}).`);
  }
}

/** Adds what the end of the process and opencode's log reveal. */
export function withLog(run: ParsedRun, end: AgentEnd, stderrTail: string): ParsedRun {
  const { verdict, answer, denials } = run;
  if (end.how !== 'exited' || answer !== null) return run;
  const told = (message: string, kind: FailureKind | null): ParsedRun => ({
    ...run,
    verdict: { ok: false, kind, message, retryAt: null },
  });
  // It waits silently as long as the provider demands, and may have been stopped meanwhile.
  const refusal = lastRefusal(stderrTail);
  if (end.signal !== null) return verdict === null && refusal !== null ? told(refusal, 'rate_limited') : run;
  // For an unknown model its output reports an unexpected error; only its log has the reason.
  const unknown = /ProviderModelNotFoundError: ([^\n"()]+)/.exec(stderrTail)?.[1];
  if (verdict?.kind === null && unknown !== undefined) {
    return told(startOf(unknown, maxText), 'model_unavailable');
  }
  if (verdict === null && end.exitCode === 0 && denials !== null) {
    return told(`opencode stopped because a permission was denied (${denials.shown.join(', ')}).`, null);
  }
  return run;
}

/** The message of its last logged error, if it is a provider's refusal. */
function lastRefusal(stderrTail: string): string | null {
  const [last = ''] = stderrTail.trimEnd().split('\n').slice(-1);
  const words = /AI_APICallError: ([^"]+)"?$/.exec(last)?.[1] ?? '';
  const isRefusal = /rate.?limit|too many requests|quota|usage limit|exhausted|overloaded/i.test(words);
  return isRefusal ? startOf(words, maxText) : null;
}

function kindOfAnswer(status: number, body: string): FailureKind | null {
  if (/insufficient_quota|billing/i.test(body)) return 'auth_required';
  return kindOfStatus(status);
}
