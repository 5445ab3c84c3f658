import type { Verdict } from '../../../application/ports/backend.ts';
import type { FailureKind } from '../../../domain/agent.ts';
import { startOf } from '../../../domain/cut-text.ts';
import { asJson, textOf } from '../shared/json-values.ts';

/** Failures from Codex's messages. It has no error codes, so this relies on the recordings in test/fixtures/codex. */

const maxMessage = 4_000;

/** The first match applies. */
const kinds: readonly (readonly [RegExp, FailureKind])[] = [
  [
    /\b40[13] (unauthorized|forbidden)\b|\b(log|sign)(ged)? ?(out and )?(sign )?in again\b|not logged in/i,
    'auth_required',
  ],
  [/\bquota exceeded\b/i, 'auth_required'],
  [/\busage limit\b|\brate.limit|\b429\b|\bat capacity\b/i, 'rate_limited'],
  [/\bmodel\b.*\b(does not exist|is not supported|not found)\b/i, 'model_unavailable'],
  [/\bcontext window\b|\bexceeds the maximum length\b/i, 'context_exceeded'],
  [/\bflagged\b|\bcontent_filter\b|\busage polic/i, 'refused'],
];

/** @param told Codex's own message, or its provider's raw response */
export function failureOf(told: unknown): Verdict {
  const message = startOf(wordsOf(textOf(told)).trim(), maxMessage) || 'Codex gave no reason';
  const kind = kinds.find(([pattern]) => pattern.test(message))?.[1] ?? null;
  return { ok: false, kind, message, retryAt: kind === 'rate_limited' ? retryTimeOf(message) : null };
}

/** It ended by itself without a message for the user. */
export const noAnswer: Verdict = {
  ok: false,
  kind: null,
  message:
    'Codex ended its turn and gave no result. Its model may have declined the task: rephrase it, or use another model.',
  retryAt: null,
};

/** Codex reports some errors as the provider's JSON: `{"error":{"message":…}}`. */
function wordsOf(told: string): string {
  if (!told.startsWith('{')) return told;
  try {
    const { error, message, detail } = asJson(JSON.parse(told));
    return textOf(asJson(error).message) || textOf(message) || textOf(detail) || told;
  } catch {
    return told;
  }
}

const clockTime =
  /try again at (?:([A-Z][a-z]{2}) (\d{1,2})(?:st|nd|rd|th), (\d{4}) )?(\d{1,2}):(\d{2}) ([AP]M)/;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/**
 * When a usage limit ends: "try again at 3:05 PM" for today, otherwise "at Jan 1st, 2099 12:00 AM", in local time, to
 * the minute.
 */
function retryTimeOf(message: string): string | null {
  const found = clockTime.exec(message);
  if (found === null) return null;
  const [, month, day, year, hour, minute, half] = found;
  const hours = (Number(hour) % 12) + (half === 'PM' ? 12 : 0);
  const time = new Date();
  if (month !== undefined) time.setFullYear(Number(year), months.indexOf(month), Number(day));
  // The seconds are cut off, so add a minute.
  time.setHours(hours, Number(minute) + 1, 0, 0);
  return time.toISOString();
}
