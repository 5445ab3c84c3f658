import { constants } from 'node:os';
import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { maxText } from '../shared/json-lines.ts';
import { asJson, type Json, textOf } from '../shared/json-values.ts';
import { kindOfStatus } from '../shared/provider-status.ts';

/** Failures from Gemini CLI's `result` line or exit status; see test/fixtures/gemini. */

/** Gemini CLI's own errors. */
const ownErrors: Readonly<Record<string, FailureKind>> = {
  FatalTurnLimitedError: 'budget_exceeded',
  FatalAuthenticationError: 'auth_required',
};
const ownStatuses: Readonly<Record<number, FailureKind>> = { 41: 'auth_required', 53: 'budget_exceeded' };
/** A signal ends it with status 0 and without a result line. */
const interrupted: Verdict = {
  ...{ ok: false, kind: 'signal', message: 'Gemini CLI was interrupted before it finished.' },
  retryAt: null,
};
const noConversation =
  /^Error resuming session: (?:No previous sessions found|Invalid session identifier).*$/m;

/** Reported only on stderr. */
export function goneConversation(stderrTail: string): string | null {
  return noConversation.exec(stderrTail)?.[0] ?? null;
}

/** @param before an error that it reported earlier */
export function failureOf(line: Json, before: string): Verdict {
  const { type, message } = asJson(line.error);
  const said = textOf(message) || before || 'Gemini CLI ended without an answer.';
  const { words, kind } = readApiError(said);
  const own = ownErrors[textOf(type)];
  const isRefused = /blocked due to|prohibited/i.test(words);
  const found = own ?? kind ?? (isRefused ? 'refused' : null);
  return {
    ok: false,
    kind: found,
    message: startOf(words, maxText),
    retryAt: found === 'rate_limited' ? retryTime(words, line.timestamp) : null,
  };
}

/**
 * Adds what the exit status reveals: the lower eight bits of the provider's HTTP status (429 becomes 173), or a code of
 * its own.
 */
export function withExitStatus(run: ParsedRun, end: AgentEnd, stderrTail: string): ParsedRun {
  const { verdict } = run;
  if (verdict?.ok === true || (verdict !== null && verdict.kind !== null)) return run;
  const status = statusOf(end);
  const isCutShort = verdict === null && run.conversation !== null && (status === 0 || status === 130);
  if (isCutShort) return { ...run, verdict: interrupted };
  const kind = ownStatuses[status] ?? kindOfStatus(status + 256);
  if (kind === null) return run;
  const words = verdict?.message ?? complaintOf(stderrTail);
  return { ...run, verdict: { ok: false, kind, message: startOf(words, maxText), retryAt: null } };
}

/** The first line about the failure; advice, a stack trace and a coloured copy follow it. */
function complaintOf(stderrTail: string): string {
  const chatter = /^(?:Warning: |Ripgrep |YOLO mode |\[STARTUP\]|\s|$)/;
  const line = stderrTail.split('\n').find((text) => !chatter.test(text)) ?? '';
  return line.replace(/^Error authenticating: (?:\w+: )?/, '');
}

/** The exit status, even if it looks like that of a signal. */
function statusOf(end: AgentEnd): number {
  if (end.how !== 'exited') return 0;
  if (end.signal === null) return end.exitCode ?? 0;
  return 128 + (constants.signals[end.signal as NodeJS.Signals] ?? 0);
}

/** Unwraps `[API Error: …]` around the provider's response, which is text or JSON, perhaps followed by advice. */
function readApiError(said: string): { readonly words: string; readonly kind: FailureKind | null } {
  const inner = /^\[API Error: (.*?)\](?:\n|$)/s.exec(said)?.[1] ?? said;
  const { code, message } = asJson(asJson(parsed(inner)).error);
  const words = (textOf(message) || inner).replaceAll('\n', ' ').trim();
  if (/API key not valid|API_KEY_INVALID/.test(inner)) return { words, kind: 'auth_required' };
  if (/exceeds the maximum number of tokens/i.test(inner)) return { words, kind: 'context_exceeded' };
  if (/ is not found for API version|Requested entity was not found/.test(inner)) {
    return { words, kind: 'model_unavailable' };
  }
  const isLimited = said.includes('Please wait and try again later') || /\boverloaded\b/i.test(inner);
  return { words, kind: isLimited ? 'rate_limited' : kindOfStatus(Number(code)) };
}

function parsed(text: string): unknown {
  if (!text.startsWith('{')) return null;
  try {
    return JSON.parse(text);
  } catch {
    // Truncated, or not JSON: treat it as text.
    return null;
  }
}

/** Reads "Suggested retry after 3600s", relative to the time of the line. */
function retryTime(words: string, timestamp: unknown): string | null {
  const seconds = Number(/retry (?:after|in) (\d{1,9}(?:\.\d+)?)s/i.exec(words)?.[1] ?? Number.NaN);
  const at = Date.parse(textOf(timestamp)) + seconds * 1_000;
  return at < year10000 ? new Date(at).toISOString() : null;
}

/** Later times have no ISO form of the usual length. */
const year10000 = 253_402_300_800_000;
