import type { AgentEnd } from '../../../application/ports/agent-host.ts';
import type { ParsedRun, Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { lastLine } from '../shared/explain.ts';
import { maxText } from '../shared/json-lines.ts';
import { kindOfStatus } from '../shared/provider-status.ts';

/** Failures from Qwen Code's `result` line or exit status; see test/fixtures/qwen. */

export const apiErrorMark = '[API Error: ';
const noConversation = /^No saved session found with ID \S+?(?=\.?\s)/m;

/**
 * Reads `[API Error: 429 …]` with the provider's status and message, perhaps followed by advice, or a message of Qwen
 * Code itself.
 */
export function failureOf(said: string): Verdict {
  const inner = /^\[API Error: (.*?)\](?:\n|$)/s.exec(said)?.[1] ?? said;
  const [, status = '', words = inner] = /^(\d{3}) (.*)$/s.exec(inner) ?? [];
  const message = startOf(words, maxText) || 'Qwen Code ended without an answer.';
  return { ok: false, kind: kindOf(Number(status), inner), message, retryAt: null };
}

function kindOf(status: number, words: string): FailureKind | null {
  // OpenAI answers 429 to both; waiting does not help without credit.
  if (/insufficient[_ ](?:quota|balance)|billing details/i.test(words)) return 'auth_required';
  if (
    /maximum context length|context_length_exceeded|range of input length|^Context is too large/i.test(words)
  ) {
    return 'context_exceeded';
  }
  if (/inappropriate content|data_inspection_failed|content_filter/i.test(words)) return 'refused';
  if (/^No auth type is selected|^Missing (?:API key|credentials|baseUrl|model)\b/.test(words))
    return 'auth_required';
  return kindOfStatus(status);
}

/** Reported only on stderr. */
export function goneConversation(stderrTail: string): string | null {
  return noConversation.exec(stderrTail)?.[0] ?? null;
}

/** Adds what the exit status reveals: Qwen Code's own limits end it without a result line, with a message on stderr. */
export function withExitStatus(run: ParsedRun, end: AgentEnd, stderrTail: string): ParsedRun {
  const isBound = end.how === 'exited' && (end.exitCode === 53 || end.exitCode === 55);
  if (run.verdict !== null || !isBound) return run;
  const message = startOf(lastLine(stderrTail), maxText);
  return { ...run, verdict: { ok: false, kind: 'budget_exceeded', message, retryAt: null } };
}
